//! `resident.json`: the surveys that were taken from outside while a process ran, beside the processes' own files.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use leakgate_capture::PartKind;
use serde::{Deserialize, Serialize};

use super::bill::{self, BillMoment, Part, Survey};
use super::model::Profile;
use crate::units::Bytes;

/// Its name in a capture.
pub const NAME: &str = "resident.json";
const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResidentFile {
    /// Version of the file.
    pub version: u32,
    /// The samples that were kept.
    pub samples: Vec<Kept>,
}

/// A sample of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Name of the process's own file in the capture.
    pub process: String,
    /// What it was kept for.
    pub kept_for: KeptFor,
    /// Milliseconds since the start of the command.
    pub at_ms: u64,
    /// Milliseconds since the start at which the moment it was kept for was seen.
    pub moment_ms: u64,
    /// Live bytes that count at the sample, as published.
    pub live: u64,
    /// Resident bytes in all.
    pub resident: u64,
    /// The kernel's own count of them at that moment.
    pub counted: u64,
    /// Live bytes: Python objects, Python memory, native heap.
    pub domains: (i64, i64, i64),
    /// Whether some of the heap was too much to look at.
    pub partial: bool,
    /// Parts: kind, file, site, bytes.
    pub parts: Vec<(u32, String, u32, u64)>,
}

/// What a sample was kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptFor {
    /// Nearest to the peak.
    Peak,
    /// Largest resident set.
    Largest,
    /// The last one.
    Last,
}

impl ResidentFile {
    /// A file with these samples.
    pub fn of(samples: Vec<Kept>) -> ResidentFile {
        ResidentFile { version: VERSION, samples }
    }

    /// Writes it into a capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        // Whole or not at all: a view may read it meanwhile.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(folder.join(NAME))?;
        Ok(())
    }

    /// Reads that of a capture. `None`: nothing sampled it, or it is of another version.
    pub(super) fn read(folder: &Path) -> Option<ResidentFile> {
        let text = fs::read_to_string(folder.join(NAME)).ok()?;
        serde_json::from_str(&text).ok().filter(|file: &ResidentFile| file.version == VERSION)
    }

    /// Gives a process the bills of its samples.
    pub(super) fn add_to(&self, profile: &mut Profile, process: &str) {
        for kept in self.samples.iter().filter(|kept| kept.process == process) {
            let moment = match kept.kept_for {
                KeptFor::Peak => BillMoment::Peak,
                KeptFor::Largest => BillMoment::Largest,
                // Who reached the end has a better one.
                KeptFor::Last if profile.bills.iter().any(|bill| bill.moment == BillMoment::End) => continue,
                KeptFor::Last => BillMoment::Last,
            };
            let Some(survey) = kept.survey() else { continue };
            let bill = bill::bill(profile, &survey, moment, Some(kept.in_words(profile)));
            profile.bills.push(bill);
        }
    }
}

impl Kept {
    fn survey(&self) -> Option<Survey> {
        let part = |(kind, name, site, bytes): &(u32, String, u32, u64)| {
            let kind = PartKind::from_number(*kind)?;
            Some(Part { kind, name: name.clone(), site: *site, bytes: *bytes })
        };
        let (objects, memory, heap) = self.domains;
        Some(Survey {
            resident: self.resident,
            counted: self.counted,
            objects,
            memory,
            heap,
            is_partial: self.partial,
            parts: self.parts.iter().map(part).collect::<Option<_>>()?,
        })
    }

    fn in_words(&self, profile: &Profile) -> String {
        let distance = self.at_ms.abs_diff(self.moment_ms);
        let peak = profile.totals.peak.bytes;
        match self.kept_for {
            KeptFor::Peak if self.at_ms >= self.moment_ms => {
                format!("sampled {distance} ms after it, {} of its {} live", Bytes(self.live), Bytes(peak))
            }
            KeptFor::Peak => {
                format!("sampled {distance} ms before it, {} of its {} live", Bytes(self.live), Bytes(peak))
            }
            KeptFor::Largest => format!("of those sampled, {} live", Bytes(self.live)),
            KeptFor::Last => format!("{distance} ms before the end was seen"),
        }
    }
}
