//! Requests to an API, as JSON; what it refuses, as errors that say what to do.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use super::{Trust, wait};

/// Longest time that one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer of an API is larger.
const LARGEST: u64 = 32 << 20;
/// Longest text of an API's error that is shown.
const SHOWN: usize = 200;

/// A token; it is never shown.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token, as the environment has it.
    pub fn of(text: &str) -> Token {
        Token(text.trim().to_owned())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiError {
    /// 401.
    #[error("the token is wrong or has expired (401 of {0})")]
    BadToken(String),
    /// 403, not for having asked too often.
    #[error("the token may not do this (403 of {0}): {1}")]
    Forbidden(String, String),
    /// 404 or 410.
    #[error("there is no {0}, or the token may not see it")]
    Missing(String),
    /// The same of something that was there a moment ago.
    #[error("there is no {0} any more")]
    Vanished(String),
    /// 403 or 429, for having asked too often; how many seconds to wait.
    #[error("asked too often; the next request is allowed in {0} s")]
    Limited(u64),
    /// It does not answer, or with a 5xx.
    #[error("no answer from {0}: {1}")]
    Unavailable(String, String),
    /// It sends elsewhere, where the token does not go.
    #[error(
        "{0} sends on to {1}, and the token goes nowhere else: the name of the repository or the address of the API may be an old one (GITHUB_REPOSITORY, GITHUB_API_URL)"
    )]
    Moved(String, String),
    /// It was not asked.
    #[error("{0} cannot be asked: {1}")]
    Unsent(String, &'static str),
    /// It answers something that cannot be.
    #[error("an answer of {0} that makes no sense: {1}")]
    Wrong(String, String),
    /// It does not take what was sent.
    #[error("{0} refused the request: {1}")]
    Refused(String, String),
}

impl ApiError {
    /// The error of a request for something that was seen before.
    pub(super) fn of_seen(self) -> ApiError {
        match self {
            ApiError::Missing(what) => ApiError::Vanished(what),
            other => other,
        }
    }
}

/// An API with its token.
pub struct Client {
    agent: Agent,
    base: String,
    token: Token,
    accept: &'static str,
}

/// An answer: its body, and where the next page is.
pub(super) struct Answer<T> {
    pub(super) body: T,
    pub(super) headers: ureq::http::HeaderMap,
}

impl Client {
    /// The API below `base`, asked as `token`.
    pub fn new(base: &str, token: Token, accept: &'static str, trust: &Trust) -> Client {
        // No redirects: whatever follows one decides for itself who may see the token.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(trust.config())
            .timeout_global(Some(PATIENCE))
            .user_agent(concat!("leakgate/", env!("CARGO_PKG_VERSION")))
            .build();
        Client { agent: config.into(), base: base.trim_end_matches('/').to_owned(), token, accept }
    }

    /// Where a path of the API is.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// `GET`.
    pub(super) fn get<T: DeserializeOwned>(&self, url: &str) -> Result<Answer<T>, ApiError> {
        let response = stayed(url, self.send("GET", url, None)?)?;
        let headers = response.headers().clone();
        Ok(Answer { body: parsed(url, response)?, headers })
    }

    /// Any other method, with a body of JSON.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        method: &str,
        url: &str,
        body: &Value,
    ) -> Result<T, ApiError> {
        parsed(url, stayed(url, self.send(method, url, Some(body))?)?)
    }

    /// `DELETE`.
    pub(super) fn delete(&self, url: &str) -> Result<(), ApiError> {
        stayed(url, self.send("DELETE", url, None)?).map(drop)
    }

    /// A file behind a redirect, which is followed without the token: it leads to somebody else's storage.
    pub(super) fn download(&self, url: &str, largest: u64) -> Result<Vec<u8>, ApiError> {
        let response = self.send("GET", url, None)?;
        let target =
            response.headers().get("location").and_then(|target| target.to_str().ok()).map(str::to_owned);
        let response = match (response.status().is_redirection(), target) {
            (true, Some(target)) => {
                let request =
                    Request::get(&target).body(()).map_err(|error| wrong(url, &error.to_string()))?;
                let storage = host(&target).to_owned();
                let answer =
                    self.agent.run(request).map_err(|error| unavailable(&storage, &error.to_string()))?;
                checked(&storage, answer)?
            }
            _ => response,
        };
        let mut body = response.into_body();
        let read = body.with_config().limit(largest).read_to_vec();
        read.map_err(|error| wrong(url, &format!("not read: {error}")))
    }

    fn send(&self, method: &str, url: &str, body: Option<&Value>) -> Result<Response<Body>, ApiError> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("accept", self.accept)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token.0));
        let unsent = |why| ApiError::Unsent(crate::report::harmless(host(url), SHOWN), why);
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(unsent("its address is none of http:// or https://"));
        }
        if self.token.0.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(unsent("the token has a space, a line break or another character that none has"));
        }
        let failed = |error: ureq::Error| match error {
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => unsent("its address is none"),
            error => unavailable(host(url), &error.to_string()),
        };
        let result = match body {
            None => request.body(()).map_err(ureq::Error::Http).and_then(|request| self.agent.run(request)),
            Some(json) => request
                .body(json.to_string())
                .map_err(ureq::Error::Http)
                .and_then(|request| self.agent.run(request)),
        };
        checked(host(url), result.map_err(failed)?)
    }
}

/// An answer that does not send elsewhere.
fn stayed(url: &str, response: Response<Body>) -> Result<Response<Body>, ApiError> {
    if !response.status().is_redirection() {
        return Ok(response);
    }
    let target = response.headers().get("location").and_then(|target| target.to_str().ok());
    let target = crate::report::harmless(target.unwrap_or("another address"), SHOWN);
    Err(ApiError::Moved(host(url).to_owned(), target))
}

/// An answer that is none of the errors.
fn checked(host: &str, response: Response<Body>) -> Result<Response<Body>, ApiError> {
    let status = response.status().as_u16();
    if status < 400 {
        return Ok(response);
    }
    let wait = wait::of(response.headers());
    let host = host.to_owned();
    let said = said(response);
    Err(match (status, wait) {
        (401, _) => ApiError::BadToken(host),
        (403 | 429, Some(seconds)) => ApiError::Limited(seconds),
        (429, None) => ApiError::Limited(60),
        (403, None) if said.to_lowercase().contains("rate limit") => ApiError::Limited(60),
        (403, None) => ApiError::Forbidden(host, said),
        (404 | 410, _) => ApiError::Missing(format!("such thing at {host}")),
        (500.., Some(seconds)) => ApiError::Limited(seconds),
        (500.., None) => ApiError::Unavailable(host, format!("{status} {said}")),
        _ => ApiError::Refused(host, format!("{status} {said}")),
    })
}

/// The message of an error, made harmless.
fn said(response: Response<Body>) -> String {
    let mut body = response.into_body();
    let text = body.with_config().limit(64 << 10).read_to_string().unwrap_or_default();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = json["message"].as_str().or_else(|| json["error"].as_str()).unwrap_or("without a reason");
    crate::report::harmless(message, SHOWN)
}

fn parsed<T: DeserializeOwned>(url: &str, response: Response<Body>) -> Result<T, ApiError> {
    let mut body = response.into_body();
    let bytes = body.with_config().limit(LARGEST).read_to_vec();
    let bytes = bytes.map_err(|error| unavailable(host(url), &error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(url, &error.to_string()))
}

fn wrong(url: &str, text: &str) -> ApiError {
    ApiError::Wrong(host(url).to_owned(), crate::report::harmless(text, SHOWN))
}

fn unavailable(host: &str, text: &str) -> ApiError {
    ApiError::Unavailable(host.to_owned(), crate::report::harmless(text, SHOWN))
}

/// The host of an address: what messages name.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // What stands before may be a password.
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}
