//! The views of heap snapshots: finds the snapshots that are meant, takes the view, prints or draws it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Basic, Chosen, json, process, shown, write_file};
use crate::heap::load::{self, Found};
use crate::heap::{Changes, NodeId, Snapshot};
use crate::pattern::Pattern;
use crate::profile::{Capture, Profile};
use crate::view::graph::Graph;
use crate::view::screen::Screen;
use crate::view::{growth, holding, owners, paths, referrers, types};

/// Levels of referrers where none are asked for.
const DEPTH: u32 = 4;

/// The views of heap snapshots.
#[derive(Debug, Subcommand)]
pub enum HeapKind {
    /// Python objects by type: how many, their bytes, and what would be freed with them
    Types(Asked),
    /// What there is more of than at an earlier heap snapshot: by type, and by line
    Growth(Compared),
    /// Who holds what came since an earlier heap snapshot: variables, their entries, the lines that filled them. Of one
    /// snapshot alone: who holds most
    Owners(Compared),
    /// By which variables objects of a type are held
    Paths(Paths),
    /// What refers to objects of a type, level by level
    Referrers(Referrers),
}

/// What all views of heap snapshots take.
#[derive(Debug, Args)]
pub struct Asked {
    /// Which heap snapshot of the process, by its number [default: the last]
    #[arg(long, value_name = "N")]
    pub snapshot: Option<u32>,
    /// What views of all kinds take.
    #[command(flatten)]
    pub basic: Basic,
}

/// What views take that compare two snapshots.
#[derive(Debug, Args)]
pub struct Compared {
    /// What all take.
    #[command(flatten)]
    pub asked: Asked,
    /// The heap snapshot to compare with, by its number [default: the first]
    #[arg(long, value_name = "N")]
    pub since: Option<u32>,
}

/// What `paths` takes.
#[derive(Debug, Args)]
pub struct Paths {
    /// What all take.
    #[command(flatten)]
    pub asked: Asked,
    /// Which objects.
    #[command(flatten)]
    pub meant: Meant,
}

/// What `referrers` takes.
#[derive(Debug, Args)]
pub struct Referrers {
    /// What all take.
    #[command(flatten)]
    pub asked: Asked,
    /// Which objects.
    #[command(flatten)]
    pub meant: Meant,
    /// Show at most N levels
    #[arg(long, value_name = "N", default_value_t = DEPTH)]
    pub depth: u32,
}

/// Which objects, and how they are drawn.
#[derive(Debug, Args)]
pub struct Meant {
    /// Objects of this type: its name, with its module or without; a glob, or a /regular expression/
    #[arg(long = "type", value_name = "TYPE", value_parser = pattern)]
    pub of: Pattern,
    /// Print a picture in the language of Graphviz
    #[arg(long, conflicts_with_all = ["json", "svg"])]
    pub dot: bool,
    /// Draw a picture into FILE; needs Graphviz's `dot`
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub svg: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long, requires = "svg")]
    pub force: bool,
}

fn pattern(typed: &str) -> Result<Pattern, crate::pattern::PatternError> {
    Pattern::parse(typed)
}

/// Why there is no view of a heap; all of them mean `Exit::BadInput`.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeapViewError {
    /// The process has no snapshot.
    #[error(
        "process {0} has no heap snapshot; `leakgate check` takes them of scenarios that fail, in a second process, and a \
         program takes one itself with `leakgate_memory.snapshot()`"
    )]
    NoSnapshot(Chosen),
    /// One of them is not what was recorded.
    #[error("`{path}` was changed or damaged after it was recorded", path = .0.display())]
    Damaged(PathBuf),
    /// It has none of that number.
    #[error("process {process} has no heap snapshot {number}; there are: {existing}")]
    NoSuchSnapshot {
        /// The process.
        process: Chosen,
        /// The number.
        number: u32,
        /// Those that there are.
        existing: String,
    },
    /// There is only one, and two are compared.
    #[error("process {0} has one heap snapshot only; what grew is seen between two")]
    OnlyOne(Chosen),
    /// The earlier one is not earlier.
    #[error("snapshot {since} is not before snapshot {number}")]
    NotBefore {
        /// The one to compare with.
        since: u32,
        /// The one to look at.
        number: u32,
    },
    /// No object is of such a type.
    #[error("no object of a type `{typed}` in the snapshot{similar}")]
    NoSuchType {
        /// As it was typed.
        typed: String,
        /// Types that are called alike, in words.
        similar: String,
    },
    /// The file is there already.
    #[error("{0}: exists already; `--force` overwrites it")]
    FileExists(String),
    /// Graphviz cannot be run.
    #[error("failed to run `dot`, which draws the picture ({0}); install Graphviz, or print it with `--dot`")]
    NoGraphviz(io::Error),
    /// Graphviz failed.
    #[error("`dot` could not draw the picture: {0}")]
    Graphviz(String),
}

impl HeapKind {
    /// What all take.
    pub(super) fn asked(&self) -> &Asked {
        match self {
            HeapKind::Types(asked) => asked,
            HeapKind::Growth(compared) | HeapKind::Owners(compared) => &compared.asked,
            HeapKind::Paths(paths) => &paths.asked,
            HeapKind::Referrers(referrers) => &referrers.asked,
        }
    }
}

/// Takes the view of a loaded capture and prints it.
pub(super) fn show(
    capture: &Capture,
    kind: &HeapKind,
    screen: &Screen,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let asked = kind.asked();
    let profile = process(capture, asked.basic.process)?;
    let limit = asked.basic.limit();
    let snapshots = Snapshots::of(capture, profile)?;
    let number = snapshots.number(asked.snapshot)?;
    match kind {
        HeapKind::Types(_) => {
            let view = types::of(profile, &snapshots.load(number)?, limit);
            if asked.basic.json { json(&view, out) } else { Ok(view.print(screen, out)?) }
        }
        HeapKind::Owners(compared) if compared.since.is_none() && snapshots.found.len() == 1 => {
            let view = holding::of(profile, &snapshots.load(number)?, limit);
            if asked.basic.json { json(&view, out) } else { Ok(view.print(screen, out)?) }
        }
        HeapKind::Growth(compared) | HeapKind::Owners(compared) => {
            show_changes(profile, kind, &snapshots.between(number, compared.since)?, (screen, out))
        }
        HeapKind::Paths(args) => {
            let last = snapshots.load(number)?;
            let view = paths::of(profile, &last, &of_type(&last, &args.meant.of)?, limit);
            let print = |out: &mut dyn Write| view.print(screen, out);
            deliver((&view, view.graph()), asked, &args.meant, (screen, out), print)
        }
        HeapKind::Referrers(args) => {
            let last = snapshots.load(number)?;
            let view = referrers::of(profile, &last, &of_type(&last, &args.meant.of)?, args.depth, limit);
            let print = |out: &mut dyn Write| view.print(screen, out);
            deliver((&view, &view.graph()), asked, &args.meant, (screen, out), print)
        }
    }
}

/// Takes a view of the changes from the first of some snapshots to the last.
fn show_changes(
    profile: &Profile,
    kind: &HeapKind,
    loaded: &[Snapshot],
    (screen, out): (&Screen, &mut dyn Write),
) -> anyhow::Result<()> {
    let asked = kind.asked();
    let limit = asked.basic.limit();
    let changes = Changes::along(loaded).context("failed to find two snapshots")?;
    let pair = (&loaded[0], &loaded[loaded.len() - 1]);
    if let HeapKind::Growth(_) = kind {
        let view = growth::of(profile, pair, &changes, limit);
        return if asked.basic.json { json(&view, out) } else { Ok(view.print(screen, out)?) };
    }
    let view = owners::of(profile, pair, &changes, limit);
    if asked.basic.json { json(&view, out) } else { Ok(view.print(screen, out)?) }
}

fn deliver(
    (view, graph): (&impl Serialize, &Graph),
    asked: &Asked,
    meant: &Meant,
    (screen, out): (&Screen, &mut dyn Write),
    print: impl Fn(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    if let Some(path) = &meant.svg {
        let file = screen.folder.join(path);
        if file.exists() && !meant.force {
            return Err(HeapViewError::FileExists(shown(path)).into());
        }
        let image = svg(&graph.dot())?;
        write_file(&file, path, &image, meant.force)?;
        return Ok(writeln!(out, "{}", shown(path))?);
    }
    if meant.dot {
        return Ok(write!(out, "{}", graph.dot())?);
    }
    if asked.basic.json { json(view, out) } else { Ok(print(out)?) }
}

/// Has Graphviz draw a picture.
fn svg(dot: &str) -> anyhow::Result<Vec<u8>> {
    let mut command = Command::new("dot");
    command.arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(HeapViewError::NoGraphviz)?;
    let mut input = child.stdin.take().context("failed to talk to `dot`")?;
    let text = dot.to_owned();
    // It may write before it has read all.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().context("failed to wait for `dot`")?;
    let written = writer.join().is_ok_and(|written| written.is_ok());
    if !output.status.success() || !written {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(HeapViewError::Graphviz(shown(Path::new(errors.trim()))).into());
    }
    Ok(output.stdout)
}

/// The snapshots of a process.
struct Snapshots {
    process: Chosen,
    found: Vec<Found>,
}

impl Snapshots {
    fn of(capture: &Capture, profile: &Profile) -> anyhow::Result<Snapshots> {
        let id = profile.process.id();
        let chosen = Chosen { pid: id.pid, program: (id.sequence > 0).then_some(id.sequence) };
        let mut found = load::find(&capture.dir)?;
        found.retain(|found| found.process == id);
        let is_damaged = |found: &&Found| capture.damaged.contains(&found.path);
        if let Some(damaged) = found.iter().find(is_damaged) {
            return Err(HeapViewError::Damaged(damaged.path.clone()).into());
        }
        if found.is_empty() {
            return Err(HeapViewError::NoSnapshot(chosen).into());
        }
        Ok(Snapshots { process: chosen, found })
    }

    fn number(&self, asked: Option<u32>) -> Result<u32, HeapViewError> {
        let numbers: Vec<u32> = self.found.iter().map(|found| found.number).collect();
        let number = asked.unwrap_or(numbers[numbers.len() - 1]);
        if numbers.contains(&number) {
            return Ok(number);
        }
        let existing: Vec<String> = numbers.iter().map(u32::to_string).collect();
        Err(HeapViewError::NoSuchSnapshot { process: self.process, number, existing: existing.join(", ") })
    }

    fn load(&self, number: u32) -> anyhow::Result<Snapshot> {
        let found = self.found.iter().find(|found| found.number == number);
        Ok(load::snapshot(&found.context("failed to find the snapshot")?.path)?)
    }

    /// The one to compare with, those in between, and the one of that number.
    fn between(&self, number: u32, asked: Option<u32>) -> anyhow::Result<Vec<Snapshot>> {
        if self.found.len() == 1 {
            return Err(HeapViewError::OnlyOne(self.process).into());
        }
        let since = self.number(Some(asked.unwrap_or(self.found[0].number)))?;
        if since >= number {
            return Err(HeapViewError::NotBefore { since, number }.into());
        }
        let meant = self.found.iter().filter(|found| (since..=number).contains(&found.number));
        meant.map(|found| self.load(found.number)).collect()
    }
}

/// The objects of a type.
fn of_type(snapshot: &Snapshot, meant: &Pattern) -> Result<Vec<NodeId>, HeapViewError> {
    let is_meant = |name: &String| {
        // The interpreter names its own types without a module.
        meant.matches(name)
            || meant.matches(&format!("builtins.{name}")) && !name.contains('.')
            || name.rsplit('.').next().is_some_and(|last| meant.matches(last))
    };
    let numbers: Vec<bool> = snapshot.type_names.iter().map(is_meant).collect();
    let found: Vec<NodeId> =
        snapshot.ids().filter(|node| numbers[snapshot.nodes.types[node.index()] as usize]).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let similar =
        |name: &&String| strsim::jaro_winkler(name.rsplit('.').next().unwrap_or(name), meant.typed()) > 0.85;
    let similar: Vec<&str> = snapshot.type_names.iter().filter(similar).take(5).map(String::as_str).collect();
    let similar =
        if similar.is_empty() { String::new() } else { format!("; there is {}", similar.join(", ")) };
    Err(HeapViewError::NoSuchType { typed: meant.typed().to_owned(), similar })
}
