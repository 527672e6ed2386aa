//! Which authorities may vouch for a forge: those that browsers trust, or those of a file, for a forge inside of a company.

use std::path::Path;

use thiserror::Error;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Certificates of authorities.
#[derive(Clone, Default)]
pub struct Trust(Option<RootCerts>);

/// Why a file names no authorities.
#[derive(Debug, Error)]
pub enum TrustError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// It has none.
    #[error("it has no certificate in PEM format")]
    Empty,
}

impl Trust {
    /// Those of a file in PEM format, and no others, as OpenSSL takes `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// When it cannot be read, or has none.
    pub fn of_file(path: &Path) -> Result<Trust, TrustError> {
        let pem = std::fs::read(path)?;
        let certificate = |item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        };
        let all: Vec<Certificate<'static>> = parse_pem(&pem).filter_map(certificate).collect();
        if all.is_empty() {
            return Err(TrustError::Empty);
        }
        Ok(Trust(Some(RootCerts::from(all))))
    }

    /// What a connection is checked by.
    pub(super) fn config(&self) -> TlsConfig {
        let roots = self.0.clone().unwrap_or(RootCerts::WebPki);
        TlsConfig::builder().root_certs(roots).build()
    }
}
