//! The flame graph: one SVG that needs nothing beside it, to zoom and to search in. The only user of `inferno`.
//!
//! The outermost frame is at the top. `inferno` takes stacks as lines of text, `outer;inner 42`: names are made safe
//! for that, branches too small to be seen are added to their callers, and very deep stacks are cut.

use std::io::{self, Write};
use std::path::Path;

use ahash::AHashMap;
use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap};
use inferno::flamegraph::{self, Direction, TextTruncateDirection};
use serde::Serialize;

use super::calls::{CallTree, Kind, What};
use super::head::{Head, size_text};
use super::moment::{At, Options, cut};
use super::place::Place;
use super::screen::Screen;
use super::text::{shorten_end, shorten_middle};
use crate::profile::{Frame, Profile};
use crate::units::{Bytes, grouped};

/// Most frames that are drawn where no number is asked for: more makes browsers slow.
const FRAMES: usize = 10_000;
/// Branches below this part of the whole are less than a fifth of a pixel wide on a large screen.
const SMALLEST_PART: u64 = 10_000;
/// Levels that are drawn; in deeper graphs direct recursion is folded first, then what is deeper is part of its caller.
const LEVELS: u32 = 400;
/// Columns of the title and of the line below it in an image of usual width.
const TITLE: usize = 100;
const SUBTITLE: usize = 165;
/// Longest label of a frame.
const LABEL: usize = 160;

/// What a flame graph shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drawn {
    /// Whose memory, when.
    #[serde(flatten)]
    pub head: Head,
    /// Frames that are drawn.
    pub frames: usize,
    /// Frames that are too small to be drawn; their bytes are in their callers.
    pub too_small: usize,
    /// Whether recursion was folded because stacks are too deep to draw.
    pub folded: bool,
}

/// Why there is no flame graph.
#[derive(Debug, thiserror::Error)]
pub enum FlameError {
    /// Nothing was live at that moment.
    #[error("no memory was live {0}: there is nothing to draw; the other moment is `--at {1}`")]
    Empty(&'static str, &'static str),
    /// No block was temporary.
    #[error("no block with bytes was temporary: there is nothing to draw")]
    NoneTemporary,
    /// More bytes than there are: the capture is damaged.
    #[error("the sites of this capture add up to more than 16 EiB: it is damaged")]
    Damaged,
    /// The output failed.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Draws the graph into `out`; paths below `folder` are written relative to it.
///
/// # Errors
///
/// When nothing was live at that moment, and those of `out`.
pub fn draw(
    profile: &Profile,
    options: &Options,
    folder: &Path,
    out: &mut dyn Write,
) -> Result<Drawn, FlameError> {
    let tree = CallTree::of(profile, options.at, options.threads, Kind::Counted);
    let whole = tree.total().bytes;
    if whole == 0 {
        return Err(match options.at {
            At::Peak => FlameError::Empty(options.at.phrase(), "end"),
            At::End => FlameError::Empty(options.at.phrase(), "peak"),
            At::Temporary => FlameError::NoneTemporary,
        });
    }
    if whole == u64::MAX {
        return Err(FlameError::Damaged);
    }
    let all = Flames::of(&tree);
    let before = all.list.len();
    let flames = all.pruned(options.limit.unwrap_or(FRAMES), whole / SMALLEST_PART);
    let drawn = Drawn {
        head: Head::of(&tree, options, "flamegraph"),
        frames: flames.list.len() - 1,
        too_small: before - flames.list.len(),
        folded: flames.folded,
    };
    let labels = flames.labels(&tree, folder);
    let lines = flames.lines(&tree, &labels);
    let mut palette = palette(&flames, &tree, &labels);
    let mut style = style(&drawn, folder);
    style.palette_map = Some(&mut palette);
    flamegraph::from_lines(&mut style, lines.iter().map(String::as_str), out)?;
    Ok(drawn)
}

fn style<'o>(drawn: &Drawn, folder: &Path) -> flamegraph::Options<'o> {
    let Head { process, live, at, not_counted, .. } = &drawn.head;
    let mut options = flamegraph::Options::default();
    let title = process.title(&Screen::pipe(folder.to_path_buf()));
    options.title = shorten_middle(&title, TITLE, "…").into_owned();
    let mut facts = vec![format!("{} {}", size_text(*live), at.state())];
    let apart: Vec<String> =
        not_counted.iter().map(|part| format!("{} {}", part.domain, Bytes(part.size.bytes))).collect();
    if !apart.is_empty() {
        facts.push(format!("not counted: {}", apart.join(", ")));
    }
    facts.push("blue: Python, orange: native".into());
    if drawn.folded {
        facts.push("recursion folded".into());
    }
    if drawn.too_small > 0 {
        facts.push(format!("{} tiny frames left out", grouped(drawn.too_small as u64)));
    }
    options.subtitle = Some(shorten_end(&facts.join(" · "), SUBTITLE, "…").into_owned());
    options.bgcolors = Some(BackgroundColor::Flat(Color { r: 252, g: 252, b: 252 }));
    options.count_name = "bytes".into();
    options.name_type = "".into();
    options.direction = Direction::Inverted;
    options.text_truncate_direction = TextTruncateDirection::Right;
    // Neither sorts nor merges: the lines are merged already, and the biggest branch shall be on the left.
    options.flame_chart = true;
    options.min_width = 0.0;
    options
}

/// A frame of the graph: one call, or several of the same function below each other that were folded.
#[derive(Debug, Clone, Copy)]
struct Flame {
    caller: u32,
    /// A call that stands for it.
    call: u32,
    what: What,
    depth: u32,
    own: u64,
    total: u64,
}

/// All frames of the graph, callers before callees; 0 is the root.
#[derive(Debug)]
struct Flames {
    list: Vec<Flame>,
    folded: bool,
}

impl Flames {
    fn of(tree: &CallTree<'_>) -> Flames {
        let folded = tree.calls.iter().any(|call| call.depth > LEVELS);
        let root = Flame { caller: 0, call: 0, what: What::Root, depth: 0, own: 0, total: 0 };
        let mut list = vec![root];
        let mut known: AHashMap<(u32, What), u32> = AHashMap::new();
        let mut flame_of: Vec<u32> = vec![0; tree.calls.len()];
        for (number, call) in tree.calls.iter().enumerate().skip(1) {
            let caller = flame_of[call.caller as usize];
            let above = list[caller as usize];
            let recursive = folded && is_same_function(tree, above.what, call.what);
            let flame = if recursive || above.depth >= LEVELS {
                caller
            } else {
                let next = list.len() as u32;
                // Unfolded, the calls are merged already.
                let flame = if folded { *known.entry((caller, call.what)).or_insert(next) } else { next };
                if flame == next {
                    let depth = above.depth + 1;
                    list.push(Flame { caller, call: number as u32, what: call.what, depth, ..root });
                }
                flame
            };
            flame_of[number] = flame;
            list[flame as usize].own += call.own.bytes;
        }
        for number in (0..list.len()).rev() {
            list[number].total += list[number].own;
            let Flame { caller, total, .. } = list[number];
            if number > 0 {
                list[caller as usize].total += total;
            }
        }
        Flames { list, folded }
    }

    /// Keeps the biggest frames; what the others hold goes to their callers.
    fn pruned(mut self, most: usize, smallest: u64) -> Flames {
        let is_seen = |at: &usize| self.list[*at].total >= smallest.max(1);
        let mut order: Vec<usize> = (1..self.list.len()).filter(is_seen).collect();
        // A caller holds at least as much as its callee and has a smaller number: it is never cut before it.
        cut(&mut order, most, |one, other| {
            self.list[*other].total.cmp(&self.list[*one].total).then_with(|| one.cmp(other))
        });
        let mut kept = vec![false; self.list.len()];
        kept[0] = true;
        order.into_iter().for_each(|at| kept[at] = true);
        for number in (1..self.list.len()).rev().filter(|number| !kept[*number]) {
            let Flame { caller, own, .. } = self.list[number];
            self.list[caller as usize].own += own;
        }
        let mut new_number = vec![0; self.list.len()];
        let mut list: Vec<Flame> = Vec::new();
        for (number, flame) in self.list.iter().enumerate().filter(|(number, _)| kept[*number]) {
            new_number[number] = list.len() as u32;
            list.push(Flame { caller: new_number[flame.caller as usize], ..*flame });
        }
        Flames { list, folded: self.folded }
    }

    /// By frame: its label; the root's is `inferno`'s own.
    fn labels(&self, tree: &CallTree<'_>, folder: &Path) -> Vec<String> {
        let below_root = self.list[1..].iter().map(|flame| label(&tree.place(flame.call), folder));
        std::iter::once(String::new()).chain(below_root).collect()
    }

    /// The graph as lines `outer;inner 42`, the biggest branch last: `inferno` turns the order around.
    fn lines(&self, tree: &CallTree<'_>, labels: &[String]) -> Vec<String> {
        let callees = self.callees(tree);
        let mut lines = Vec::new();
        let mut path = String::new();
        let mut pending: Vec<(u32, usize)> = vec![(0, 0)];
        while let Some((number, above)) = pending.pop() {
            let flame = &self.list[number as usize];
            path.truncate(above);
            if !path.is_empty() {
                path.push(';');
            }
            path += &labels[number as usize];
            if flame.own > 0 {
                let stack = if path.is_empty() { "(too small to be drawn)" } else { &path };
                lines.push(format!("{stack} {}", flame.own));
            }
            pending.extend(callees[number as usize].iter().map(|callee| (*callee, path.len())));
        }
        lines.reverse();
        lines
    }

    /// By frame: those drawn below it, the smallest first.
    fn callees(&self, tree: &CallTree<'_>) -> Vec<Vec<u32>> {
        let mut callees: Vec<Vec<u32>> = vec![Vec::new(); self.list.len()];
        for (number, flame) in self.list.iter().enumerate().skip(1) {
            callees[flame.caller as usize].push(number as u32);
        }
        for siblings in &mut callees {
            siblings.sort_by(|one, other| {
                let (one, other) = (&self.list[*one as usize], &self.list[*other as usize]);
                one.total.cmp(&other.total).then_with(|| tree.compare(other.call, one.call))
            });
        }
        callees
    }
}

fn is_same_function(tree: &CallTree<'_>, one: What, other: What) -> bool {
    match (one, other) {
        (What::Place(one), What::Place(other)) => tree.places.function(one) == tree.places.function(other),
        _ => false,
    }
}

/// A frame's text, without what means something in `inferno`'s lines: `;`, and a number after the last space.
fn label(place: &Place, folder: &Path) -> String {
    let text = match place.location(folder) {
        location if location.is_empty() => place.name(),
        location => format!("{} ({location})", place.name()),
    };
    let text = shorten_middle(&text, LABEL, "…").replace(';', "\u{ff1b}");
    let text = text.trim();
    match text.rsplit_once(' ') {
        Some((head, tail)) if tail.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            format!("{head}\u{a0}{tail}")
        }
        _ if text.is_empty() || text.starts_with('#') => format!("_{text}"),
        _ => text.to_string(),
    }
}

/// Blue for Python, orange for native, grey for what is neither; shades keep neighbours apart.
fn palette(flames: &Flames, tree: &CallTree<'_>, labels: &[String]) -> PaletteMap {
    let mut palette = PaletteMap::default();
    for (flame, label) in flames.list.iter().zip(labels) {
        palette.insert(label, colour(tree, flame.what, label));
    }
    palette.insert("(too small to be drawn)", GREY);
    palette
}

const GREY: Color = Color { r: 208, g: 208, b: 208 };

fn colour(tree: &CallTree<'_>, what: What, label: &str) -> Color {
    let What::Place(place) = what else { return GREY };
    let (r, g, b) = match tree.places.frame(place) {
        Frame::Python { .. } => (118, 170, 219),
        Frame::Native { .. } => (240, 160, 90),
        Frame::Note(_) => return GREY,
    };
    // FNV-1a: the same name has the same shade in every graph.
    let hash =
        label.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let shade = |channel: u8| channel.saturating_add((hash >> 16) as u8 % 36);
    Color { r: shade(r), g: shade(g), b: shade(b) }
}
