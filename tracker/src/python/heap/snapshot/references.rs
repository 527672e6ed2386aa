//! The references of one object, each with its name: those that its type visits are what counts, names are looked up in
//! the fields and compared with them.

use core::ffi::{c_int, c_void};

use leakgate_capture::ContainerKind;
use leakgate_capture::heap::{Known, Label, NodeKind, fold};

use super::super::super::api;
use super::super::super::frames::word;
use super::super::super::objects::{
    LOWEST, TYPE_BASE, TYPE_BASES, TYPE_CACHE, TYPE_NAMES, TYPE_ORDER, TYPE_SUBCLASSES, Type,
};
use super::super::enumerate::is_tracked;
use super::super::room::Growing;
use super::ids::Ids;
use super::out::{Numbers, Out};
use super::shapes::{Attributes, Beside, Field, How, Shape, Shapes, beside};
use super::{keys, names, numpy, table};

const LENGTH: usize = 16;
const LIST_ITEMS: usize = 24;

/// A reference that was visited, and its name as far as it is known.
#[derive(Clone, Copy)]
struct Visited {
    to: usize,
    label: Label,
}

/// Writes references.
pub(super) struct References {
    visited: Growing<Visited>,
    /// References written.
    pub(super) count: u64,
    /// Those to objects that are left out.
    pub(super) left_out: u64,
    tuple_header: usize,
    /// The dictionary of imported modules.
    modules: usize,
}

impl References {
    pub(super) fn new(tuple_header: usize) -> Self {
        // SAFETY: with the GIL; borrowed.
        let modules = api::PyImport_GetModuleDict().map_or(0, |modules| unsafe { modules() } as usize);
        References { visited: Growing::new(), count: 0, left_out: 0, tuple_header, modules }
    }

    pub(super) fn bytes(&self) -> usize {
        self.visited.bytes()
    }

    /// Writes all references of an object.
    pub(super) fn write(&mut self, to: &mut Written, shapes: &Shapes, met: &Met) {
        let Met { object, shape, is_tracked } = *met;
        match shape.how {
            How::Leaf => {}
            How::List => self.list(to, object),
            How::Tuple => self.tuple(to, object),
            How::Dictionary => self.dictionary(to, object),
            How::Fields => self.fields(to, object, shapes.fields(&shape)),
            How::Type if is_tracked => self.of_made_type(to, object),
            How::Type => self.of_type(to, object),
            How::Visited if is_tracked => self.of_visited(to, object, shapes, &shape),
            How::Visited => {}
        }
        if shape.is_numpy_array {
            self.numpy_array(to, object);
        }
        to.out.number(0);
    }

    fn numpy_array(&mut self, to: &mut Written, array: usize) {
        let base = numpy::base(array);
        if base != 0 {
            self.reference(to, base, Label::Known(Known::ArrayBase));
        }
        let Some((items, count)) = numpy::objects(array) else { return };
        let is_flat = numpy::is_flat(array);
        for index in 0..count {
            // SAFETY: its own buffer has so many items, some of which may be missing.
            let item = unsafe { word(items + index * 8) };
            let label = if is_flat { Label::Item(index.min(MOST_INDEX) as u32) } else { Label::Element };
            if item >= LOWEST {
                self.reference(to, item, label);
            }
        }
    }

    #[inline(always)]
    fn reference(&mut self, to: &mut Written, object: usize, label: Label) {
        let Some(id) = to.ids.of(object) else {
            self.left_out += 1;
            return;
        };
        to.out.number(label.encode() + 1);
        to.out.number(fold(i64::from(id) - i64::from(to.own)));
        self.count += 1;
    }

    fn list(&mut self, to: &mut Written, list: usize) {
        // SAFETY: a live list: its length, and where its items are. One that is being sorted seems to be empty.
        let (length, items) = unsafe { (word(list + LENGTH), word(list + LIST_ITEMS)) };
        if items != 0 && length < 1 << 48 {
            self.items(to, items, length);
        }
    }

    fn tuple(&mut self, to: &mut Written, tuple: usize) {
        // SAFETY: a live tuple.
        let length = unsafe { word(tuple + LENGTH) };
        self.items(to, tuple + self.tuple_header, length);
    }

    fn items(&mut self, to: &mut Written, items: usize, length: usize) {
        for index in 0..length {
            // SAFETY: there are so many items; some may be missing while the object is being made.
            let item = unsafe { word(items + index * 8) };
            if item != 0 {
                self.reference(to, item, Label::Item(index.min(MOST_INDEX) as u32));
            }
        }
    }

    fn dictionary(&mut self, to: &mut Written, dictionary: usize) {
        // SAFETY: a live dictionary.
        let Some(table) = (unsafe { table::of(dictionary) }) else { return };
        for (key, value) in table.entries() {
            // Names of modules are always names.
            let label = if dictionary == self.modules {
                module_label(to.ids, key)
            } else {
                self.key_label(to.ids, key)
            };
            // Shared keys are the type's.
            if !table.is_shared {
                self.reference(to, key, Label::DictionaryKey);
            }
            self.reference(to, value, label);
        }
    }

    fn fields(&mut self, to: &mut Written, object: usize, fields: &[Field]) {
        for field in fields {
            // SAFETY: a field that the type describes as an object or nothing.
            let value = unsafe { word(object + field.offset) };
            if value >= LOWEST {
                self.reference(to, value, field.label);
            }
        }
    }

    /// A type that is not on the heap is never visited.
    fn of_type(&mut self, to: &mut Written, of: usize) {
        for (value, label) in fields_of_type(of).filter(|(value, _)| *value >= LOWEST) {
            self.reference(to, value, label);
        }
    }

    fn of_made_type(&mut self, to: &mut Written, of: usize) {
        self.visit(of);
        fields_of_type(of).for_each(|(value, label)| self.name_first(value, label));
        self.flush(to);
        // The weak references to its subclasses are its own, and not visited.
        let subclasses = fields_of_type(of).last().filter(|(value, _)| *value >= LOWEST);
        if let Some((subclasses, label)) = subclasses {
            self.reference(to, subclasses, label);
        }
    }

    fn of_visited(&mut self, to: &mut Written, object: usize, shapes: &Shapes, shape: &Shape) {
        self.visit(object);
        // SAFETY: a live object.
        let of = unsafe { Type::of(object) };
        self.name_first(of.0, Label::Known(Known::Class));
        for field in shapes.fields(shape) {
            // SAFETY: a field inside the object.
            self.name_first(unsafe { word(object + field.offset) }, field.label);
        }
        if let Attributes::Managed { keys } = shape.attributes {
            self.name_attributes(to, object, of, keys);
        }
        self.name_entries(to, object, shape);
        if shape.kind == NodeKind::Frame {
            names::each_of_frame_object(object, |value, name| {
                let label = names::wanted(to.ids, name).map_or(Label::None, Label::Variable);
                self.name_first(value, label);
            });
        }
        if shape.is_generator {
            self.name_variables(to, object);
        }
        self.flush(to);
    }

    fn name_attributes(&mut self, to: &mut Written, object: usize, of: Type, keys: usize) {
        // SAFETY: an object of a type with such a dictionary.
        match unsafe { beside(object, of) } {
            Beside::Dictionary(dictionary) => {
                self.name_dictionary(dictionary);
                self.leave_to(dictionary);
            }
            Beside::Values(values) => {
                // SAFETY: the keys of the type, which its instances' values belong to.
                let Some(table) = (unsafe { table::of_keys(keys, values) }) else { return };
                let mut from = 0;
                for (key, value) in table.entries() {
                    let label = names::wanted(to.ids, key).map_or(Label::None, Label::Attribute);
                    from = self.name_from(from, value, label);
                }
            }
            Beside::None => {}
        }
    }

    /// An instance whose values are inside of it does not visit its dictionary in all versions.
    fn name_dictionary(&mut self, dictionary: usize) {
        let label = Label::Known(Known::Dictionary);
        if self.visited.items().iter().any(|visited| visited.to == dictionary) {
            self.name_first(dictionary, label);
        } else {
            // Without memory the reference is missing, and the next object finds none either.
            let _ = self.visited.push(Visited { to: dictionary, label });
        }
    }

    /// Since 3.13 the values of an instance that has a dictionary may be inside of it still; some versions visit them with
    /// the instance, some with the dictionary. They count as the dictionary's.
    fn leave_to(&mut self, dictionary: usize) {
        // SAFETY: the dictionary of a live instance.
        let Some(table) = (unsafe { table::of(dictionary) }).filter(|table| table.are_inside) else { return };
        for (_, value) in table.entries() {
            let same = |visited: &&mut Visited| visited.to == value && visited.label == Label::None;
            if let Some(visited) = self.visited.items_mut().iter_mut().find(same) {
                visited.to = 0;
            }
        }
    }

    /// Names what a suspended generator's variables refer to.
    fn name_variables(&mut self, to: &mut Written, generator: usize) {
        let has_visited = |object: usize| self.visited.items().iter().any(|visited| visited.to == object);
        let Some(frame) = names::frame_of_generator(generator, has_visited) else { return };
        names::each_of_frame(frame, |value, name| {
            let label = names::wanted(to.ids, name).map_or(Label::None, Label::Variable);
            self.name_first(value, label);
        });
    }

    /// Names the entries of what is built on a list, a dictionary and so on.
    fn name_entries(&mut self, to: &mut Written, object: usize, shape: &Shape) {
        if shape.is_on(ContainerKind::List) {
            return self.name_list(object);
        }
        if shape.is_on(ContainerKind::Dictionary) || shape.is_on(ContainerKind::OrderedDictionary) {
            // SAFETY: a live object that begins as a dictionary does.
            let Some(table) = (unsafe { table::of(object) }) else { return };
            let mut from = 0;
            for (key, value) in table.entries() {
                let label = self.key_label(to.ids, key);
                from = self.name_from(from, value, label);
                if !table.is_shared && table.has_strings_only {
                    self.reference(to, key, Label::DictionaryKey);
                }
            }
            return;
        }
        if shape.kind == NodeKind::Tuple {
            // SAFETY: a live object that begins as a tuple does, which visits its last item first, too.
            let length = unsafe { word(object + LENGTH) };
            self.name_items(object + self.tuple_header, length);
        } else if matches!(shape.kind, NodeKind::Set | NodeKind::FrozenSet) {
            self.name_rest(|_| Label::Element);
        } else if shape.kind == NodeKind::Deque {
            self.name_rest(|index| Label::Item(index.min(MOST_INDEX) as u32));
        }
    }

    fn key_label(&self, ids: &mut Ids, key: usize) -> Label {
        // SAFETY: a live object.
        if unsafe { Type::of(key) }.is_text() && keys::is_name(key) {
            return names::wanted(ids, key).map_or(Label::None, Label::Key);
        }
        keys::want(ids, key, self.tuple_header);
        ids.of(key).map_or(Label::None, Label::KeyObject)
    }

    /// A list visits its last item first.
    fn name_list(&mut self, list: usize) {
        // SAFETY: a live object that begins as a list does.
        let (length, items) = unsafe { (word(list + LENGTH), word(list + LIST_ITEMS)) };
        if items == 0 || length >= 1 << 48 {
            return;
        }
        self.name_items(items, length);
    }

    fn name_items(&mut self, items: usize, length: usize) {
        let mut from = 0;
        for index in (0..length).rev() {
            // SAFETY: there are so many items.
            let item = unsafe { word(items + index * 8) };
            from = self.name_from(from, item, Label::Item(index.min(MOST_INDEX) as u32));
        }
    }

    /// Has the object's type visit all that it refers to.
    fn visit(&mut self, object: usize) {
        unsafe extern "C" fn visit(object: usize, visited: *mut c_void) -> c_int {
            // SAFETY: what is passed below, which nobody else uses meanwhile.
            let visited = unsafe { &mut *visited.cast::<Growing<Visited>>() };
            if object != 0 {
                // Without memory the reference is missing, and `left_out` cannot tell: the next object finds none either.
                let _ = visited.push(Visited { to: object, label: Label::None });
            }
            0
        }
        self.visited.clear();
        // SAFETY: a live object.
        let Some(traverse) = (unsafe { Type::of(object) }).traverse() else { return };
        // SAFETY: the type's own function, which the collector calls in the same way.
        unsafe { traverse(object, visit, core::ptr::from_mut(&mut self.visited).cast()) };
    }

    /// Names the first reference to an object that has no name yet.
    fn name_first(&mut self, object: usize, label: Label) {
        if object >= LOWEST {
            self.name_from(0, object, label);
        }
    }

    /// As `name_first`, from a place on; the place behind it, or the same one if there is none.
    #[inline(always)]
    fn name_from(&mut self, from: usize, object: usize, label: Label) -> usize {
        let rest = self.visited.items_mut().get_mut(from..).unwrap_or_default();
        let is_it = |visited: &&mut Visited| visited.to == object && visited.label == Label::None;
        // References are visited about in the order of the fields: what is not near is not there.
        let found = rest.iter_mut().enumerate().take(MOST_SKIPPED).find(|(_, visited)| is_it(visited));
        match found {
            Some((place, visited)) => {
                visited.label = label;
                from + place + 1
            }
            None => from,
        }
    }

    fn name_rest(&mut self, label: impl Fn(usize) -> Label) {
        let unnamed = self.visited.items_mut().iter_mut().filter(|visited| visited.label == Label::None);
        unnamed.enumerate().for_each(|(index, visited)| visited.label = label(index));
    }

    fn flush(&mut self, to: &mut Written) {
        for index in 0..self.visited.items().len() {
            let visited = self.visited.items()[index];
            if visited.to == 0 {
                continue;
            }
            self.reference(to, visited.to, visited.label);
        }
    }
}

fn module_label(ids: &mut Ids, name: usize) -> Label {
    names::wanted(ids, name).map_or(Label::None, Label::Key)
}

/// Most references that are looked through for one.
const MOST_SKIPPED: usize = 256;
const MOST_INDEX: usize = (1 << 28) - 1;

/// An object whose turn it is.
#[derive(Clone, Copy)]
pub(super) struct Met {
    pub(super) object: usize,
    pub(super) shape: Shape,
    /// Whether the collector tracks it, so that its type may be asked.
    pub(super) is_tracked: bool,
}

/// The fields of a type that are objects, and their names; that of the subclasses last.
fn fields_of_type(of: usize) -> impl Iterator<Item = (usize, Label)> {
    const FIELDS: [(usize, Known); 6] = [
        (TYPE_NAMES, Known::Dictionary),
        (TYPE_BASE, Known::Base),
        (TYPE_BASES, Known::Bases),
        (TYPE_ORDER, Known::Order),
        (TYPE_CACHE, Known::TypeCache),
        (TYPE_SUBCLASSES, Known::Subclasses),
    ];
    // SAFETY: a live type.
    FIELDS.into_iter().map(move |(offset, known)| (unsafe { word(of + offset) }, Label::Known(known)))
}

/// What is written to, and by which object.
pub(super) struct Written<'a> {
    pub(super) ids: &'a mut Ids,
    pub(super) out: &'a mut Out,
    pub(super) own: u32,
}

/// Whether the collector tracks an object, so that its type may be asked.
pub(super) fn may_be_visited(object: usize, shape: &Shape, of: Type) -> bool {
    // A type that is not on the heap has no header.
    let is_made_type = || of.is_collected() && Type(object).is_made();
    let has_header = if shape.how == How::Type { is_made_type() } else { shape.is_collected };
    // SAFETY: its type says that it has a header.
    has_header && unsafe { is_tracked(object) }
}
