//! What is known of the objects of a type: how their references are found, and by what names. Worked out once for each type
//! that is met, from its fields alone.

use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicUsize, Ordering};

use leakgate_capture::ContainerKind;
use leakgate_capture::heap::{Known, Label, NodeKind};

use super::super::super::frames::{self, word};
use super::super::super::objects::Type;
use super::super::super::{api, objects, text};
use super::super::room::Growing;
use super::super::types::Builtins;
use super::ids::Ids;
use super::{numpy, table};

const IS_TUPLE: usize = 1 << 26;
const IS_EXCEPTION: usize = 1 << 30;
pub(super) const IS_TYPE: usize = 1 << 31;
const HAS_INLINE_VALUES: usize = 1 << 2;
const HAS_MANAGED_DICTIONARY: usize = 1 << 4;

/// In a type: a list of its objects' fields, and where its objects have their dictionary.
const MEMBERS: usize = 240;
pub(super) const DICTIONARY_OFFSET: usize = 288;
/// In a descriptor of a field: its name, and the description.
const DESCRIPTOR_NAME: usize = 24;
const DESCRIPTION: usize = 40;
/// Bytes of a description.
const MEMBER: usize = 40;
/// Kinds of fields that are objects.
const OBJECT: i32 = 6;
const OBJECT_OR_NOTHING: i32 = 16;
/// Offsets from here on are none.
const FARTHEST: usize = 1 << 16;
/// Most fields of a type that are looked at.
const MOST_FIELDS: usize = 256;

/// How the references of an object are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It has none.
    Leaf,
    /// Exactly a list, tuple or dictionary.
    List,
    Tuple,
    Dictionary,
    /// Its type visits them.
    Visited,
    /// Its type visits nothing: they are fields that it describes.
    Fields,
    /// It is a type.
    Type,
}

/// Where the attributes of an instance are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attributes {
    /// Nowhere, or in a dictionary that is a field.
    Field,
    /// Beside it, with the type's shared keys.
    Managed { keys: usize },
}

/// A field.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) offset: usize,
    pub(super) label: Label,
}

/// What is known of a type's objects.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) kind: NodeKind,
    pub(super) container: Option<ContainerKind>,
    pub(super) how: How,
    pub(super) header: usize,
    pub(super) is_collected: bool,
    pub(super) attributes: Attributes,
    /// Whether it is an array of numpy's, or built on it.
    pub(super) is_numpy_array: bool,
    /// Whether it is a generator, or a coroutine.
    pub(super) is_generator: bool,
    first: usize,
    count: usize,
}

/// The types that kinds are told by; 0: not there.
const NAMED: [(&CStr, NodeKind); 10] = [
    (c"PyModule_Type", NodeKind::Module),
    (c"PyFunction_Type", NodeKind::Function),
    (c"PyCell_Type", NodeKind::Cell),
    (c"PyFrame_Type", NodeKind::Frame),
    (c"PyCode_Type", NodeKind::Code),
    (c"PyMethod_Type", NodeKind::Method),
    (c"_PyWeakref_RefType", NodeKind::WeakReference),
    (c"PyFrozenSet_Type", NodeKind::FrozenSet),
    (c"PyUnicode_Type", NodeKind::Text),
    (c"PyContextVar_Type", NodeKind::ContextVariable),
];

/// Arrays of numpy's, which have their buffer in a field that no API tells of without importing it.
fn is_numpy_array(of: Type) -> bool {
    const ARRAY: &CStr = c"numpy.ndarray";
    let mut at = of;
    while at.0 != 0 {
        if !at.is_made() && at.basic_size() >= numpy::SIZE && at.name() == Some(ARRAY) {
            return true;
        }
        at = at.base();
    }
    false
}

/// All shapes.
pub(super) struct Shapes<'a> {
    builtins: &'a Builtins,
    named: [(usize, NodeKind); NAMED.len()],
    exact: [(usize, How); 3],
    member: usize,
    traceback: usize,
    property: usize,
    generators: [usize; 3],
    types: Ids,
    shapes: Growing<Shape>,
    fields: Growing<Field>,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(builtins: &'a Builtins) -> Option<Self> {
        let exact =
            [(c"PyList_Type", How::List), (c"PyTuple_Type", How::Tuple), (c"PyDict_Type", How::Dictionary)];
        Some(Shapes {
            builtins,
            named: NAMED.map(|(name, kind)| (api::data(name), kind)),
            exact: exact.map(|(name, how)| (api::data(name), how)),
            member: api::data(c"PyMemberDescr_Type"),
            traceback: api::data(c"PyTraceBack_Type"),
            property: api::data(c"PyProperty_Type"),
            generators: [c"PyGen_Type", c"PyCoro_Type", c"PyAsyncGen_Type"].map(api::data),
            types: Ids::new()?,
            shapes: Growing::new(),
            fields: Growing::new(),
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.types.bytes() + self.shapes.bytes() + self.fields.bytes()
    }

    /// The shape of a type's objects. `ids`: names are given numbers.
    #[inline(always)]
    pub(super) fn of(&mut self, of: Type, ids: &mut Ids) -> Option<Shape> {
        let known = self.types.of(of.0)? as usize;
        match self.shapes.items().get(known) {
            Some(shape) => Some(*shape),
            None => self.meet(of, ids),
        }
    }

    pub(super) fn fields(&self, shape: &Shape) -> &[Field] {
        &self.fields.items()[shape.first..shape.first + shape.count]
    }

    #[cold]
    #[inline(never)]
    fn meet(&mut self, of: Type, ids: &mut Ids) -> Option<Shape> {
        let kind = self.kind(of);
        let first = self.fields.items().len();
        self.add_fields(of, kind, ids);
        let shape = Shape {
            kind,
            container: self.builtins.classify(of).kind(),
            how: self.how(of),
            header: of.header(),
            is_collected: of.is_collected() && !of.decides_itself(),
            attributes: attributes(of),
            is_numpy_array: is_numpy_array(of),
            is_generator: self.generators.contains(&of.0),
            first,
            count: self.fields.items().len() - first,
        };
        self.shapes.push(shape)?;
        Some(shape)
    }

    fn how(&self, of: Type) -> How {
        if let Some((_, how)) = self.exact.iter().find(|(exact, _)| *exact == of.0) {
            return *how;
        }
        if of.flags() & IS_TYPE != 0 {
            return How::Type;
        }
        match (of.is_collected(), of.traverse()) {
            (true, Some(_)) => How::Visited,
            (true, None) => How::Leaf,
            // SAFETY: a live type.
            (false, _) if unsafe { word(of.0 + MEMBERS) } != 0 => How::Fields,
            (false, _) => How::Leaf,
        }
    }

    fn kind(&self, of: Type) -> NodeKind {
        let flags = of.flags();
        let class = self.builtins.classify(of);
        if flags & IS_TYPE != 0 {
            return NodeKind::Type;
        }
        if class.is_cache() {
            return NodeKind::Cache;
        }
        match class.kind() {
            Some(ContainerKind::List) => return NodeKind::List,
            Some(ContainerKind::Dictionary) => return NodeKind::Dictionary,
            Some(ContainerKind::Set) => return NodeKind::Set,
            Some(ContainerKind::Deque) => return NodeKind::Deque,
            Some(ContainerKind::ByteArray) => return NodeKind::ByteArray,
            Some(ContainerKind::Array) => return NodeKind::Array,
            Some(ContainerKind::OrderedDictionary) => return NodeKind::OrderedDictionary,
            None => {}
        }
        if flags & IS_TUPLE != 0 {
            return NodeKind::Tuple;
        }
        let is_of = |(builtin, _): &&(usize, NodeKind)| *builtin != 0 && of.descends_from(*builtin);
        let is_open = || if self.builtins.is_open(of) { NodeKind::Descriptor } else { NodeKind::Other };
        self.named.iter().find(is_of).map_or_else(is_open, |(_, kind)| *kind)
    }

    fn add(&mut self, offset: usize, label: Label) {
        // Without memory the reference has no name.
        let _ = self.fields.push(Field { offset, label });
    }

    fn add_fields(&mut self, of: Type, kind: NodeKind, ids: &mut Ids) {
        let first = self.fields.items().len();
        // SAFETY: a live type.
        let dictionary = unsafe { word(of.0 + DICTIONARY_OFFSET) } as isize;
        if dictionary > 0 && kind != NodeKind::Type {
            self.add(dictionary as usize, Label::Known(Known::Dictionary));
        }
        let of_errors = if of.flags() & IS_EXCEPTION != 0 {
            raised()
        } else if of.0 == self.traceback {
            TRACEBACK
        } else if of.0 == self.property || self.property != 0 && of.descends_from(self.property) {
            PROPERTY
        } else {
            &[]
        };
        for (offset, known) in usual(kind).iter().chain(of_errors) {
            self.add(*offset, Label::Known(*known));
        }
        let most = first + MOST_FIELDS;
        let mut at = of;
        while at.0 != 0 && self.fields.items().len() < most {
            self.add_described(at, ids);
            self.add_members(at, first);
            at = at.base();
        }
    }

    /// The fields that descriptors in the type's dictionary stand for: slots, and those that C code describes.
    fn add_described(&mut self, of: Type, ids: &mut Ids) {
        let Some(table) = table::at(of.names()) else { return };
        for (_, value) in table.entries() {
            // SAFETY: a live object.
            if unsafe { Type::of(value) }.0 != self.member {
                continue;
            }
            let Some(offset) = described_field(value) else { continue };
            // SAFETY: a live descriptor.
            let name = unsafe { word(value + DESCRIPTOR_NAME) };
            if let Some(id) = ids.of(name) {
                ids.want(id);
                self.add(offset, Label::Attribute(id));
            }
        }
    }

    /// The fields that a type of C code lists; of some types, such as those of code objects, that is all there is.
    fn add_members(&mut self, of: Type, first: usize) {
        // SAFETY: a live type; the list ends with an entry without a name.
        let members = unsafe { word(of.0 + MEMBERS) };
        if of.is_made() || members == 0 {
            return;
        }
        for index in 0..MOST_FIELDS {
            let description = members + index * MEMBER;
            // SAFETY: as above.
            let name = unsafe { word(description) };
            if name == 0 {
                return;
            }
            let Some(offset) = object_field(description) else { continue };
            // SAFETY: a C string that lives as long as the type.
            let name = unsafe { CStr::from_ptr(name as *const c_char) };
            let known = Known::ALL.iter().find(|known| known.text().as_bytes() == name.to_bytes());
            let is_known = self.fields.items()[first..].iter().any(|field| field.offset == offset);
            if !is_known {
                self.add(offset, known.map_or(Label::None, |known| Label::Known(*known)));
            }
        }
    }
}

/// Where the field is that a descriptor stands for, if it is an object. `descriptor` must be one.
pub(super) fn described_field(descriptor: usize) -> Option<usize> {
    // SAFETY: a live descriptor.
    object_field(unsafe { word(descriptor + DESCRIPTION) })
}

/// Where a described field is, if it is an object.
fn object_field(description: usize) -> Option<usize> {
    // SAFETY: a live description: a name, a kind and an offset.
    let (kind, offset) = unsafe { (((description + 8) as *const i32).read(), word(description + 16)) };
    let fits = (objects::TYPE + 8..FARTHEST).contains(&offset);
    (matches!(kind, OBJECT | OBJECT_OR_NOTHING) && fits).then_some(offset)
}

/// The fields of the interpreter's own types that no description tells. Each is compared with what the type visits.
fn usual(kind: NodeKind) -> &'static [(usize, Known)] {
    use Known::{
        Annotations, Builtins, Cache, Callback, Closure, Code, Contents, Defaults, Dictionary, Documentation,
        Function, Globals, Itself, KeywordDefaults, Module, Name, QualifiedName, Wrapped,
    };
    match kind {
        NodeKind::Module => &[(16, Dictionary)],
        NodeKind::Cell => &[(16, Contents)],
        NodeKind::Method => &[(16, Function), (24, Itself)],
        NodeKind::WeakReference => &[(24, Callback)],
        NodeKind::Cache => &[(72, Cache), (88, Wrapped)],
        NodeKind::Function if frames::layout().minor < 10 => &[
            (16, Code),
            (24, Globals),
            (32, Defaults),
            (40, KeywordDefaults),
            (48, Closure),
            (56, Documentation),
            (64, Name),
            (72, Dictionary),
            (88, Module),
            (96, Annotations),
            (104, QualifiedName),
        ],
        NodeKind::Function => &[
            (16, Globals),
            (24, Builtins),
            (32, Name),
            (40, QualifiedName),
            (48, Code),
            (56, Defaults),
            (64, KeywordDefaults),
            (72, Closure),
            (80, Documentation),
            (88, Dictionary),
            (104, Module),
            (112, Annotations),
        ],
        _ => &[],
    }
}

/// Likewise, of exceptions; what is cause and context both is visited twice, as the cause first.
fn raised() -> &'static [(usize, Known)] {
    use Known::{Arguments, Cause, Context, Notes, Traceback};
    if frames::layout().minor < 11 {
        return &[(24, Arguments), (32, Traceback), (48, Cause), (40, Context)];
    }
    &[(24, Arguments), (32, Notes), (40, Traceback), (56, Cause), (48, Context)]
}

/// And of tracebacks: since 3.12 the dictionary of their type, with the descriptors, is the interpreter's.
const TRACEBACK: &[(usize, Known)] = &[(16, Known::RaisedBelow), (24, Known::RaisedIn)];

/// And of properties.
const PROPERTY: &[(usize, Known)] = &[(16, Known::Getter), (24, Known::Setter), (32, Known::Deleter)];

/// The places of the strings that name a function, of its closure and of its defaults.
pub(super) struct FunctionFields {
    pub(super) qualified_name: usize,
    pub(super) module: usize,
    pub(super) code: usize,
    pub(super) closure: usize,
    pub(super) defaults: usize,
}

/// Where a function's fields are.
pub(super) fn function_fields() -> FunctionFields {
    if frames::layout().minor < 10 {
        return FunctionFields { qualified_name: 104, module: 88, code: 16, closure: 48, defaults: 32 };
    }
    FunctionFields { qualified_name: 40, module: 104, code: 48, closure: 72, defaults: 56 }
}

/// Where the name of a type that was made stands, as an object, among these; the shared keys are behind it.
const NAMES: core::ops::RangeInclusive<usize> = 832..=888;
const KEYS_BEHIND_NAME: usize = 24;

/// Where the name was found in a type; 0: nowhere yet.
static NAME_AT: AtomicUsize = AtomicUsize::new(0);

/// Where the keys that a type's instances share are. Its name is known as a text, too: the object that has this text
/// is what tells where the fields are. They are there in all types that were made, also where the text is elsewhere.
fn shared_keys(of: Type) -> Option<usize> {
    let text = of.name()?.as_ptr() as usize;
    let name = text.checked_sub(text::ascii_header())?;
    let found = NAMES.step_by(8).find(|at| {
        // SAFETY: a type that was made is longer.
        unsafe { word(of.0 + at) == name }
    });
    if let Some(at) = found {
        NAME_AT.store(at, Ordering::Relaxed);
    }
    let at = Some(NAME_AT.load(Ordering::Relaxed)).filter(|at| *at != 0)?;
    // SAFETY: as above.
    let keys = unsafe { word(of.0 + at + KEYS_BEHIND_NAME) };
    (keys >= objects::LOWEST).then_some(keys)
}

/// Where the attributes of a type's instances are.
pub(super) fn attributes(of: Type) -> Attributes {
    let is_managed = of.flags() & HAS_MANAGED_DICTIONARY != 0 && frames::layout().minor >= FIRST_MANAGED;
    let keys = if is_managed && of.is_made() { shared_keys(of) } else { None };
    keys.map_or(Attributes::Field, |keys| Attributes::Managed { keys })
}

const FIRST_MANAGED: u8 = 11;
/// From the object back to the pointer to its values, or to its dictionary.
const VALUES_BEFORE: usize = 32;
const DICTIONARY_BEFORE: usize = 24;

/// The attributes that an instance has beside it.
pub(super) enum Beside {
    /// In a dictionary; since 3.13 the values may be inside of the instance still.
    Dictionary(usize),
    /// As values only, at an address.
    Values(usize),
    None,
}

/// Where the attributes of an instance with a managed dictionary are.
///
/// # Safety
/// `object` must be a live one of such a type.
pub(super) unsafe fn beside(object: usize, of: Type) -> Beside {
    // SAFETY: the caller's promise: the words before its header.
    let dictionary = unsafe { word(object - DICTIONARY_BEFORE) };
    let minor = frames::layout().minor;
    if minor == FIRST_MANAGED {
        // SAFETY: as above.
        return match (unsafe { word(object - VALUES_BEFORE) }, dictionary) {
            (0, 0) => Beside::None,
            (0, dictionary) => Beside::Dictionary(dictionary),
            (values, _) => Beside::Values(values),
        };
    }
    // The lowest bit tells values from a dictionary.
    if minor == FIRST_MANAGED + 1 && dictionary & 1 != 0 {
        return Beside::Values(dictionary + 1);
    }
    if minor > FIRST_MANAGED + 1 && dictionary == 0 && of.flags() & HAS_INLINE_VALUES != 0 {
        let values = object + of.basic_size();
        // SAFETY: values inside the object begin there; the fourth byte tells whether they are in use.
        if unsafe { ((values + 3) as *const u8).read() } != 0 {
            return Beside::Values(values);
        }
    }
    if dictionary == 0 { Beside::None } else { Beside::Dictionary(dictionary) }
}

impl Shape {
    /// Whether its objects are built on lists, or on dictionaries, without being exactly that.
    pub(super) fn is_on(&self, container: ContainerKind) -> bool {
        self.container == Some(container) && self.how == How::Visited
    }
}
