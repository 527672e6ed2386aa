//! What every view begins and ends with: whose memory, when, how much, what is not counted, what is not exact.

use std::io::{self, Write};

use serde::Serialize;

use super::calls::CallTree;
use super::moment::{At, Options, Size};
use super::processes::Processes;
use super::screen::Screen;
use super::text::{clean, shorten_end};
use crate::profile::{Domain, Profile, ProgramId};
use crate::units::{Bytes, grouped};

/// Version of the JSON of all views; changes when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// The beginning of a view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    /// `VERSION`.
    pub version: u32,
    /// The view's name on the command line.
    pub view: &'static str,
    /// The moment.
    pub at: At,
    /// Whose memory it is.
    pub process: ProcessHead,
    /// Live at that moment (temporary, where that is shown), sites that count only: what all shares are shares of.
    pub live: Size,
    /// Live at that moment in domains that do not count.
    pub not_counted: Vec<DomainSize>,
    /// All processes of the capture, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<Processes>,
    /// What is not exact or not recorded.
    pub notes: Vec<String>,
}

/// A process as views name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessHead {
    /// Process id.
    pub pid: u32,
    /// Number of the program in its process, from 0: one that executes others has several.
    pub program: u32,
    /// What it was started for, else its command, in one line.
    pub name: String,
    /// The command line.
    pub command: Vec<String>,
    /// The interpreter, where there is one.
    pub interpreter: Option<String>,
    /// Whether it reached its own exit.
    pub ended: bool,
    /// Events that could not be recorded.
    pub lost: u64,
}

/// A domain's figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainSize {
    /// The domain's name.
    pub domain: &'static str,
    /// Its figures.
    #[serde(flatten)]
    pub size: Size,
}

impl Head {
    /// The head of a view of that name.
    pub fn of(tree: &CallTree<'_>, options: &Options, view: &'static str) -> Head {
        let profile = tree.profile;
        let live = tree.total();
        let mut notes: Vec<String> = profile.notes.iter().map(|note| clean(note).into_owned()).collect();
        let totals = options.at.of_totals(&profile.totals);
        if totals != live {
            notes.push(format!(
                "the sites add up to {}, the process's own total is {}",
                size_text(live),
                size_text(totals)
            ));
        }
        if profile.process.lost > 0 {
            let lost = grouped(profile.process.lost);
            notes.push(format!("{lost} events could not be recorded: the figures are a lower bound"));
        }
        Head {
            version: VERSION,
            view,
            at: options.at,
            process: ProcessHead::of(profile),
            live,
            not_counted: not_counted(profile, options.at),
            processes: None,
            notes,
        }
    }

    /// Prints whose memory it is, and how much.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print_top(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", screen.strong(&self.process.title(screen)))?;
        if self.live.is_zero() {
            writeln!(out, "nothing was live {}", self.at.phrase())?;
        } else {
            writeln!(out, "{} live {}", size_text(self.live), self.at.phrase())?;
        }
        writeln!(out)
    }

    /// Prints what is not counted and the notes.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn print_bottom(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if let Some(processes) = &self.processes {
            processes.print(self.process.id(), screen, out)?;
        }
        if self.not_counted.is_empty() && self.notes.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        if !self.not_counted.is_empty() {
            let parts: Vec<String> = self
                .not_counted
                .iter()
                .map(|part| format!("{} {}", part.domain, size_text(part.size)))
                .collect();
            writeln!(out, "{}", screen.faint(&format!("not counted: {}", parts.join(", "))))?;
        }
        for note in &self.notes {
            writeln!(out, "{}", screen.faint(&format!("note: {note}")))?;
        }
        Ok(())
    }
}

impl ProcessHead {
    pub(super) fn of(profile: &Profile) -> ProcessHead {
        let process = &profile.process;
        ProcessHead {
            pid: process.pid,
            program: process.sequence,
            name: clean(&process.name()).into_owned(),
            command: process.command.iter().map(|word| clean(word).into_owned()).collect(),
            interpreter: process.interpreter.as_deref().map(|name| clean(name).into_owned()),
            ended: process.ended,
            lost: process.lost,
        }
    }

    /// The program by its file.
    pub fn id(&self) -> ProgramId {
        ProgramId { pid: self.pid, sequence: self.program }
    }

    /// One line: `python app.py (pid 4242, CPython 3.11.7)`.
    pub fn title(&self, screen: &Screen) -> String {
        let mut facts = vec![format!("pid {}", self.pid)];
        facts.extend(self.interpreter.clone());
        if !self.ended {
            facts.push("did not reach its own exit".into());
        }
        let facts = format!(" ({})", facts.join(", "));
        let room = screen.width.map_or(400, |width| width.saturating_sub(facts.len()).max(20));
        shorten_end(&self.name, room, screen.ellipsis()).into_owned() + &facts
    }
}

fn not_counted(profile: &Profile, at: At) -> Vec<DomainSize> {
    let domains = Domain::ALL.into_iter().filter(|domain| !domain.counts());
    let sizes =
        domains.map(|domain| DomainSize { domain: domain.label(), size: domain_size(profile, at, domain) });
    sizes.filter(|part| !part.size.is_zero()).collect()
}

/// What a domain held at that moment.
pub fn domain_size(profile: &Profile, at: At, domain: Domain) -> Size {
    profile.sites.iter().filter(|site| site.allocator.domain == domain).map(|site| at.of_site(site)).sum()
}

/// `22.5 MiB in 103,456 blocks`.
pub fn size_text(size: Size) -> String {
    let blocks = if size.blocks == 1 { "block" } else { "blocks" };
    format!("{} in {} {blocks}", Bytes(size.bytes), grouped(size.blocks))
}
