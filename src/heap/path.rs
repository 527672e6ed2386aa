//! The way to an object, as Python would write it: `app.cache.PRICES['eu'][0]`.

use leakgate_capture::heap::{NAME_ARGUMENT, NAME_MODULE, NAME_OBJECT, NAME_VARIABLE};

use super::model::{Known, Label, NodeId, NodeKind, Root, RootKind, Snapshot};
use super::reach::Reach;

/// Most steps that are followed: a linked list can be as long as there is memory.
const LONGEST: usize = 10_000;
/// Steps at both ends of a longer way that is written out.
const SHOWN: usize = 12;

/// The way to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// What holds the first object; `None`: only the collector frees it.
    pub root: Option<Root>,
    /// The objects, the first one held from outside and the last one the one that was asked for, and by which name the one
    /// before refers to each.
    pub steps: Vec<(Label, NodeId)>,
}

/// How much of a path is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Exact,
    /// Indices and keys as `*`: what is alike is the same.
    Shape,
}

impl Path {
    /// The way to an object.
    pub fn to(snapshot: &Snapshot, reach: &Reach, node: NodeId) -> Path {
        let (mut steps, mut at) = (Vec::new(), node);
        while let Some((parent, edge)) = reach.parent(snapshot, at) {
            steps.push((edge.label, at));
            at = parent;
            if steps.len() == LONGEST {
                break;
            }
        }
        steps.push((Label::None, at));
        steps.reverse();
        Path { root: reach.root(at).cloned(), steps }
    }

    /// As Python would write it.
    pub fn text(&self, snapshot: &Snapshot, detail: Detail) -> String {
        let mut writer = Writer { snapshot, detail, text: String::new(), pending: Pending::None };
        let (first, rest) = self.begin(&mut writer);
        let mut before = first;
        let skipped = rest.len().checked_sub(2 * SHOWN).filter(|skipped| *skipped > 1);
        for (index, (label, node)) in rest.iter().enumerate() {
            match skipped {
                Some(skipped) if index == SHOWN => writer.skip(skipped),
                Some(skipped) if (SHOWN..SHOWN + skipped).contains(&index) => {}
                _ => writer.step(before, *label, *node),
            }
            before = *node;
        }
        writer.finish(before)
    }

    /// Writes what the way begins with. The object that was written last, and the steps after it.
    fn begin(&self, writer: &mut Writer) -> (NodeId, &[(Label, NodeId)]) {
        let first = self.steps[0].1;
        let kind = self.root.as_ref().map(|root| root.kind);
        if kind == Some(RootKind::Modules)
            && let Some((Label::Key(name), module)) = self.steps.get(1)
        {
            writer.text.push_str(&shown(writer.snapshot, NodeId(*name)));
            return (*module, &self.steps[2..]);
        }
        writer.root(kind, first);
        (first, &self.steps[1..])
    }
}

/// What the next name is to be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    None,
    /// An attribute: the object is the dictionary of its owner's names.
    Attribute,
    /// A variable or an argument of a function: the object is a tuple of them.
    Closure,
    Argument {
        /// The function.
        of: NodeId,
    },
    /// The dictionary of one thread: the object is that of all threads.
    Threads,
}

struct Writer<'a> {
    snapshot: &'a Snapshot,
    detail: Detail,
    text: String,
    pending: Pending,
}

impl Writer<'_> {
    fn root(&mut self, kind: Option<RootKind>, node: NodeId) {
        let snapshot = self.snapshot;
        let text = match kind {
            Some(RootKind::Working | RootKind::Native | RootKind::Cycle) | None => {
                let words = root_text(snapshot, kind.unwrap_or(RootKind::Cycle));
                format!("({words}: {})", snapshot.type_name(node))
            }
            Some(RootKind::Thread(_) | RootKind::Context(_)) => {
                format!("({})", root_text(snapshot, kind.unwrap_or(RootKind::Cycle)))
            }
            Some(RootKind::StaticType | RootKind::Immortal) => own_name(snapshot, node),
            Some(kind) => root_text(snapshot, kind),
        };
        self.text.push_str(&text);
    }

    fn skip(&mut self, count: usize) {
        self.text.push_str(&format!(" … {count} more … "));
        self.pending = Pending::None;
    }

    fn step(&mut self, from: NodeId, label: Label, to: NodeId) {
        let pending = std::mem::replace(&mut self.pending, Pending::None);
        match (pending, label) {
            (Pending::Attribute, Label::Key(name)) => self.attribute(NodeId(name)),
            (Pending::Attribute, Label::KeyObject(key)) => {
                self.text.push_str(".__dict__");
                self.key_object(NodeId(key));
            }
            (Pending::Closure, Label::Item(index)) => self.variable(to, index),
            (Pending::Argument { of }, Label::Item(index)) => self.argument(of, index),
            (Pending::Threads, Label::KeyObject(_)) => self.pending = Pending::Attribute,
            (_, Label::Known(Known::Dictionary)) => self.pending = Pending::Attribute,
            (_, Label::Known(Known::Closure)) => {
                self.text.push_str(".__closure__");
                self.pending = Pending::Closure;
            }
            (_, Label::Known(Known::Defaults)) => {
                self.text.push_str(".__defaults__");
                self.pending = Pending::Argument { of: from };
            }
            (_, Label::Known(Known::Contents))
                if self.snapshot.names_of(from, NAME_VARIABLE).next().is_some() => {}
            (_, Label::Known(known)) => {
                self.text.push('.');
                self.text.push_str(known.text());
            }
            (_, Label::Variable(name)) => {
                self.text.push_str(frame_of(self.snapshot, from));
                self.attribute(NodeId(name));
            }
            (_, Label::Attribute(name)) => self.attribute(NodeId(name)),
            (_, Label::Key(name)) => self.key(NodeId(name)),
            (_, Label::Item(index)) => self.item(index),
            (_, Label::KeyObject(key)) => self.key_object(NodeId(key)),
            (_, Label::DictionaryKey) => self.text.push_str(".keys()"),
            (_, Label::Element) => self.text.push_str("{…}"),
            (_, Label::None) => self.unnamed(from, to),
        }
    }

    fn unnamed(&mut self, from: NodeId, to: NodeId) {
        let of = self.snapshot.type_name(from);
        if THREAD_VALUES.contains(&of) && self.snapshot.kind(to) == NodeKind::Dictionary {
            self.pending = Pending::Threads;
            return;
        }
        // A context is a tree of nodes of its own, in which a variable stands behind its value.
        if IS_CONTEXT.contains(&self.snapshot.type_name(to)) {
            return;
        }
        match context_variable(self.snapshot, from, to) {
            Some(name) => self.text.push_str(&format!("['{name}']")),
            None => {
                self.text.push_str(" → ");
                self.text.push_str(self.snapshot.type_name(to));
            }
        }
    }

    fn attribute(&mut self, name: NodeId) {
        self.text.push('.');
        self.text.push_str(&shown(self.snapshot, name));
    }

    fn key(&mut self, name: NodeId) {
        match self.detail {
            Detail::Exact => {
                self.text.push_str("['");
                self.text.push_str(&shown(self.snapshot, name));
                self.text.push_str("']");
            }
            Detail::Shape => self.text.push_str("[*]"),
        }
    }

    fn key_object(&mut self, key: NodeId) {
        match self.detail {
            Detail::Exact => self.text.push_str(&format!("[{}]", key_text(self.snapshot, key))),
            Detail::Shape => self.text.push_str("[*]"),
        }
    }

    fn item(&mut self, index: u32) {
        match self.detail {
            Detail::Exact => self.text.push_str(&format!("[{index}]")),
            Detail::Shape => self.text.push_str("[*]"),
        }
    }

    /// The variable that a cell stands for.
    fn variable(&mut self, cell: NodeId, index: u32) {
        match self.snapshot.names_of(cell, NAME_VARIABLE).next() {
            Some(name) => self.text.push_str(&format!("['{}']", clean(name))),
            None => self.item(index),
        }
    }

    /// The argument that a default value belongs to.
    fn argument(&mut self, function: NodeId, index: u32) {
        let name = self.snapshot.names_of(function, NAME_ARGUMENT).nth(index as usize);
        match name {
            Some(name) => self.text.push_str(&format!("['{}']", clean(name))),
            None => self.item(index),
        }
    }

    fn finish(mut self, last: NodeId) -> String {
        if self.pending == Pending::Attribute && self.snapshot.kind(last) != NodeKind::Module {
            self.text.push_str(".__dict__");
        }
        self.text
    }
}

/// What holds an object from outside, in words or as Python would write it.
pub fn root_text(snapshot: &Snapshot, kind: RootKind) -> String {
    match kind {
        RootKind::Modules => "sys.modules".to_owned(),
        RootKind::Local { frame, name } => {
            let frame = &snapshot.frames[frame as usize];
            match name {
                _ if frame.is_own => "leakgate's driver".to_owned(),
                Some(name) => format!("{}().{}", shown(snapshot, frame.function), shown(snapshot, name)),
                None => format!("{}()", shown(snapshot, frame.function)),
            }
        }
        RootKind::Thread(_) => "a thread's values of threading.local".to_owned(),
        RootKind::Context(_) => "a thread's context".to_owned(),
        RootKind::Registry(registry) => registry.text(),
        RootKind::Own => "leakgate's driver".to_owned(),
        RootKind::Working => "at work in a running function".to_owned(),
        RootKind::Native => "held by C code".to_owned(),
        RootKind::StaticType => "a class of C code".to_owned(),
        RootKind::Immortal => "never dies".to_owned(),
        RootKind::Cycle => "garbage".to_owned(),
    }
}

/// Whether an object is the dictionary of the names of a module, a class or an instance.
pub(super) fn is_names(snapshot: &Snapshot, reach: &Reach, node: NodeId) -> bool {
    reach.parent(snapshot, node).is_some_and(|(_, edge)| edge.label == Label::Known(Known::Dictionary))
}

/// By what name an object refers to another, with `*` for indices and keys; empty where it is not known.
pub fn label_text(snapshot: &Snapshot, reach: &Reach, from: NodeId, label: Label) -> String {
    match label {
        Label::Key(name) if is_names(snapshot, reach, from) => format!(".{}", shown(snapshot, NodeId(name))),
        Label::None => String::new(),
        Label::Attribute(name) | Label::Variable(name) => format!(".{}", shown(snapshot, NodeId(name))),
        Label::Key(_) | Label::KeyObject(_) | Label::Item(_) => "[*]".to_owned(),
        Label::DictionaryKey => ".keys()".to_owned(),
        Label::Element => "{…}".to_owned(),
        Label::Known(Known::Contents) => match snapshot.names_of(from, NAME_VARIABLE).next() {
            Some(name) => format!(".{}", clean(name)),
            None => ".cell_contents".to_owned(),
        },
        Label::Known(known) => format!(".{}", known.text()),
    }
}

/// The type of `threading.local`.
const THREAD_VALUES: [&str; 2] = ["_thread._local", "threading.local"];
/// The type of what has the values of context variables, and those of the tree inside.
pub(super) const CONTEXT: &str = "_contextvars.Context";
pub(super) const IS_CONTEXT: [&str; 4] =
    ["hamt", "hamt_bitmap_node", "hamt_array_node", "hamt_collision_node"];

/// The variable that a node of a context has a value of.
fn context_variable(snapshot: &Snapshot, node: NodeId, value: NodeId) -> Option<String> {
    if !IS_CONTEXT.contains(&snapshot.type_name(node)) {
        return None;
    }
    let after = snapshot.edges_of(node).skip_while(|edge| edge.to != value).nth(1)?;
    let is_variable = snapshot.kind(after.to) == NodeKind::ContextVariable;
    let name = snapshot.names_of(after.to, NAME_OBJECT).next().filter(|_| is_variable);
    name.map(clean)
}

/// What an object is called where it has a name of its own: a type's, a function's, a module's; else its type's.
pub fn own_name(snapshot: &Snapshot, node: NodeId) -> String {
    let of = |kind| snapshot.names_of(node, kind).next().map(clean);
    match (snapshot.kind(node), of(NAME_MODULE), of(NAME_OBJECT)) {
        (NodeKind::Function, Some(module), Some(name)) => format!("{module}.{name}"),
        (NodeKind::Function | NodeKind::Module, _, Some(name)) => name,
        (NodeKind::Type, _, _) => snapshot.named_type(node).map_or_else(|| "type".to_owned(), clean),
        _ => snapshot.type_name(node).to_owned(),
    }
}

/// A text of the program's, fit to be printed: control characters are escaped, and a cut one ends in `…`.
pub fn shown(snapshot: &Snapshot, string: NodeId) -> String {
    match snapshot.text(string) {
        Some((text, is_cut)) => clean(text) + if is_cut { "…" } else { "" },
        None => "?".to_owned(),
    }
}

/// The attribute by which the variables of a suspended function are reached.
fn frame_of(snapshot: &Snapshot, suspended: NodeId) -> &'static str {
    match snapshot.type_name(suspended) {
        "generator" => ".gi_frame",
        "coroutine" => ".cr_frame",
        "async_generator" => ".ag_frame",
        _ => "",
    }
}

/// Entries of a tuple in a key that are written out.
const MOST_ENTRIES: usize = 4;

/// A key that is no string, as Python would write it; what has no value that was read is `<app.Key>`.
pub fn key_text(snapshot: &Snapshot, key: NodeId) -> String {
    if snapshot.kind(key) != NodeKind::Tuple {
        return value_text(snapshot, key);
    }
    let entries = || snapshot.edges_of(key).filter(|edge| matches!(edge.label, Label::Item(_)));
    let mut texts: Vec<String> =
        entries().take(MOST_ENTRIES).map(|edge| value_text(snapshot, edge.to)).collect();
    match entries().count() {
        1 => texts.push(String::new()),
        count if count > MOST_ENTRIES => texts.push("…".to_owned()),
        _ => {}
    }
    format!("({})", texts.join(", ").trim_end())
}

fn value_text(snapshot: &Snapshot, node: NodeId) -> String {
    match snapshot.text(node) {
        None if snapshot.type_name(node) == "NoneType" => "None".to_owned(),
        None => format!("<{}>", own_name(snapshot, node)),
        Some((text, _)) if snapshot.type_name(node) == "bool" => {
            if text == "0" {
                "False".to_owned()
            } else {
                "True".to_owned()
            }
        }
        Some(_) if snapshot.kind(node) == NodeKind::Text => format!("'{}'", shown(snapshot, node)),
        Some(_) => shown(snapshot, node),
    }
}

fn clean(text: &str) -> String {
    crate::view::text::clean(text).into_owned()
}
