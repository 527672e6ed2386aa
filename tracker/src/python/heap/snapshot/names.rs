//! What names objects: modules, types, functions and what they are closed over.

use core::sync::atomic::{AtomicUsize, Ordering};

use leakgate_capture::heap::{NAME_ARGUMENT, NAME_MODULE, NAME_OBJECT, NAME_TYPE, NAME_VARIABLE, NodeKind};

use super::super::super::frames::{self, word};
use super::super::super::objects::{LOWEST, Type};
use super::super::super::{api, text};
use super::attributes;
use super::ids::Ids;
use super::out::{Later, Numbers};
use super::shapes::function_fields;

/// Most bytes of a type's name.
const LONGEST: usize = 256;
const LENGTH: usize = 16;
/// Entries of a dictionary that are looked through for a name, which stands at its beginning.
const MOST_ENTRIES: usize = 64;
const MODULE_DICTIONARY: usize = 16;
const CONTEXT_VARIABLE_NAME: usize = 16;
/// Most variables of a function.
const MOST_VARIABLES: usize = 1 << 16;

/// The number of a string, whose text is wanted. `None`: it is no string.
pub(super) fn wanted(ids: &mut Ids, string: usize) -> Option<u32> {
    // SAFETY: a live object, if it is one at all.
    if string < LOWEST || !unsafe { Type::of(string) }.is_text() {
        return None;
    }
    let id = ids.of(string)?;
    ids.want(id);
    Some(id)
}

/// Writes what names an object.
pub(super) struct Names<'a> {
    pub(super) ids: &'a mut Ids,
    pub(super) out: &'a mut Later,
    pub(super) tuple: usize,
    pub(super) tuple_header: usize,
}

impl Names<'_> {
    pub(super) fn write(&mut self, own: u32, object: usize, kind: NodeKind) {
        match kind {
            NodeKind::Type => self.of_type(own, object),
            NodeKind::Module => {
                // SAFETY: a live module.
                let dictionary = unsafe { word(object + MODULE_DICTIONARY) };
                let name = entry(dictionary, b"__name__");
                self.name(own, NAME_OBJECT, name);
            }
            NodeKind::ContextVariable => {
                // SAFETY: a live context variable, which has its name first.
                let name = unsafe { word(object + CONTEXT_VARIABLE_NAME) };
                self.name(own, NAME_OBJECT, name);
            }
            NodeKind::Function => self.of_function(own, object),
            _ => {}
        }
    }

    fn name(&mut self, own: u32, kind: u64, string: usize) {
        if let Some(id) = wanted(self.ids, string) {
            self.out.number(own.into());
            self.out.number(kind);
            self.out.number(id.into());
        }
    }

    fn of_type(&mut self, own: u32, of: usize) {
        let mut name = [0; LONGEST];
        let length = type_name(Type(of), &mut name);
        self.out.number(own.into());
        self.out.number(NAME_TYPE);
        self.out.number(length as u64);
        name[..length].iter().for_each(|byte| self.out.byte(*byte));
    }

    fn of_function(&mut self, own: u32, function: usize) {
        let fields = function_fields();
        // SAFETY: a live function, laid out as its version's.
        let field = |offset: usize| unsafe { word(function + offset) };
        self.name(own, NAME_OBJECT, field(fields.qualified_name));
        self.name(own, NAME_MODULE, field(fields.module));
        let (code, closure, defaults) = (field(fields.code), field(fields.closure), field(fields.defaults));
        if let Some(cells) = self.items(closure) {
            for (index, cell) in cells.enumerate() {
                let name = free_variable(code, index);
                if let (Some(id), true) = (self.ids.of(cell), name != 0) {
                    self.name(id, NAME_VARIABLE, name);
                }
            }
        }
        if let Some(defaults) = self.items(defaults) {
            let count = defaults.count();
            for index in 0..count {
                let name = argument_before_last(code, count - index);
                self.name(own, NAME_ARGUMENT, name);
            }
        }
    }

    /// The items of exactly a tuple.
    fn items(&self, tuple: usize) -> Option<impl Iterator<Item = usize> + use<>> {
        items(tuple, self.tuple, self.tuple_header)
    }
}

fn items(tuple: usize, of: usize, header: usize) -> Option<impl Iterator<Item = usize> + use<>> {
    // SAFETY: a live object, if it is one at all.
    if tuple < LOWEST || unsafe { Type::of(tuple) }.0 != of {
        return None;
    }
    // SAFETY: a live tuple.
    let length = unsafe { word(tuple + LENGTH) };
    // SAFETY: it has so many items.
    Some((0..length.min(MOST_VARIABLES)).map(move |index| unsafe { word(tuple + header + index * 8) }))
}

/// The value of an entry near the beginning of a dictionary; 0: it is not there.
fn entry(dictionary: usize, wanted: &[u8]) -> usize {
    let mut entries = attributes::entries(dictionary).take(MOST_ENTRIES);
    entries.find(|(key, _)| is_text(*key, wanted)).map_or(0, |(_, value)| value)
}

fn is_text(string: usize, wanted: &[u8]) -> bool {
    let mut room = [0; 32];
    // SAFETY: a live object.
    let is_text = unsafe { Type::of(string) }.is_text();
    // SAFETY: a live string.
    is_text
        && unsafe { word(string + LENGTH) } == wanted.len()
        && room
            .get_mut(..wanted.len())
            .is_some_and(|room| text::read(string, room) == wanted.len() && room == wanted)
}

/// Writes a type's name with its module; the number of bytes.
pub(in crate::python) fn type_name(of: Type, into: &mut [u8]) -> usize {
    let name = of.name().map_or(&b"?"[..], |name| name.to_bytes());
    let mut length = 0;
    if of.is_made() && !name.contains(&b'.') {
        let module = entry(of.names(), b"__module__");
        // SAFETY: a live object.
        if module != 0 && unsafe { Type::of(module) }.is_text() {
            length = text::read(module, into);
        }
        if &into[..length] == b"builtins" {
            length = 0;
        }
        if (1..into.len()).contains(&length) {
            into[length] = b'.';
            length += 1;
        }
    }
    let rest = name.len().min(into.len() - length);
    into[length..length + rest].copy_from_slice(&name[..rest]);
    length + rest
}

/// From the file's name in a code object, since 3.11, back to the names of all variables.
const NAMES_BEFORE_FILE: usize = 16;
/// Before that, by kind.
const OLD_VARIABLES: usize = 72;
const OLD_FREE: usize = 80;
/// The cells' place depends on the version: they follow free variables in all.
const OLD_CELLS: usize = 88;
const FIRST_WITH_ALL: u8 = 11;
/// How many arguments there are that can be given by place.
const OLD_ARGUMENTS: usize = 16;
const ARGUMENTS_BEFORE_LINE: usize = 16;
const KINDS_BEFORE_FILE: usize = 8;
const BYTES_HEADER: usize = 32;
/// Marks a variable of the function around.
const IS_FREE: u8 = 0x80;

/// The tuples of the names of a function's variables, in the order of the variables.
fn variables(code: usize) -> [usize; 3] {
    // SAFETY: a live code object, laid out as its version's.
    unsafe {
        if frames::layout().minor >= FIRST_WITH_ALL {
            return [word(code + frames::layout().code_filename - NAMES_BEFORE_FILE), 0, 0];
        }
        [word(code + OLD_VARIABLES), word(code + OLD_CELLS), word(code + OLD_FREE)]
    }
}

/// The types of code objects and of tuples: to ask the loader for them each time would take longer than all the rest.
static CODE: AtomicUsize = AtomicUsize::new(0);
static TUPLE: AtomicUsize = AtomicUsize::new(0);

/// Looks for the types that names are read from.
pub(super) fn begin() {
    CODE.store(api::data(c"PyCode_Type"), Ordering::Relaxed);
    TUPLE.store(api::data(c"PyTuple_Type"), Ordering::Relaxed);
}

fn is_code(code: usize) -> bool {
    // SAFETY: a live object, if it is one at all.
    code >= LOWEST && unsafe { Type::of(code) }.0 == CODE.load(Ordering::Relaxed)
}

/// The names of a function's variables.
pub(super) fn each_variable(code: usize) -> impl Iterator<Item = usize> {
    let (tuple, header) = tuples();
    let lists = if is_code(code) { variables(code) } else { [0; 3] };
    lists.into_iter().filter_map(move |list| items(list, tuple, header)).flatten().take(MOST_VARIABLES)
}

fn tuples() -> (usize, usize) {
    let tuple = TUPLE.load(Ordering::Relaxed);
    (tuple, Type(tuple).basic_size())
}

/// The name of the variable that a function is closed over at a place; 0: not known.
fn free_variable(code: usize, index: usize) -> usize {
    let (tuple, header) = tuples();
    if !is_code(code) {
        return 0;
    }
    let [all, _, free] = variables(code);
    if frames::layout().minor < FIRST_WITH_ALL {
        return items(free, tuple, header).and_then(|mut names| names.nth(index)).unwrap_or(0);
    }
    // SAFETY: a live code object: behind those names stand the variables' kinds, as bytes.
    let kinds = unsafe { word(code + frames::layout().code_filename - KINDS_BEFORE_FILE) };
    let Some(names) = items(all, tuple, header) else { return 0 };
    // SAFETY: as many bytes as there are names, behind the header of a `bytes` object.
    let kind = |place: usize| unsafe { ((kinds + BYTES_HEADER + place) as *const u8).read() };
    let mut free = names.enumerate().filter(|(place, _)| kind(*place) & IS_FREE != 0);
    free.nth(index).map_or(0, |(_, name)| name)
}

/// The name of the argument that many places before the end of those with a place.
fn argument_before_last(code: usize, before: usize) -> usize {
    if !is_code(code) {
        return 0;
    }
    let layout = frames::layout();
    let is_new = layout.minor >= FIRST_WITH_ALL;
    let at = if is_new { layout.code_first_line - ARGUMENTS_BEFORE_LINE } else { OLD_ARGUMENTS };
    // SAFETY: a live code object, laid out as its version's.
    let count = unsafe { ((code + at) as *const i32).read() };
    let place = usize::try_from(count).ok().and_then(|count| count.checked_sub(before));
    place.and_then(|place| each_variable(code).nth(place)).unwrap_or(0)
}

/// The variables of a frame that is an object, and their names.
pub(super) fn each_of_frame_object(object: usize, tell: impl FnMut(usize, usize)) {
    let layout = frames::layout();
    let is_frame = layout.minor < FIRST_WITH_ALL;
    // SAFETY: a live frame object; since 3.11 it has a frame, its own or that of a function that is not over.
    let frame = if is_frame { object } else { unsafe { word(object + frames::FRAME_OF_OBJECT) } };
    if frame >= LOWEST {
        each_of_frame(frame, tell);
    }
}

/// Where the frame of a generator may be inside of it, since 3.11.
const FRAMES_OF_GENERATORS: [usize; 2] = [72, 80];

/// The frame of a generator whose function is not over: its code is alive, which `is_alive` says. On 3.11 also of one that is
/// over: what stands in its variables then is compared with what the generator visits, which is nothing of it.
pub(super) fn frame_of_generator(generator: usize, is_alive: impl Fn(usize) -> bool) -> Option<usize> {
    let layout = frames::layout();
    if layout.minor < FIRST_WITH_ALL {
        return None;
    }
    let frames = FRAMES_OF_GENERATORS.map(|offset| generator + offset);
    frames.into_iter().find(|frame| {
        // SAFETY: a generator is that long.
        let code = unsafe { word(frame + layout.frame_code) } & !layout.code_tag;
        is_alive(code) && is_code(code)
    })
}

/// The variables of a function that is not over, and their names.
pub(super) fn each_of_frame(frame: usize, mut tell: impl FnMut(usize, usize)) {
    let layout = frames::layout();
    // SAFETY: a frame, laid out as its version's row says.
    let code = unsafe { word(frame + layout.frame_code) } & !layout.code_tag;
    for (index, name) in each_variable(code).enumerate() {
        // SAFETY: it has a place for each variable.
        let value = unsafe { word(frame + layout.frame_locals + index * 8) };
        if let Some(value) = frames::untagged(value) {
            tell(value, name);
        }
    }
}
