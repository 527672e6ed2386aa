//! Containers of which an attribute says that they stop to grow: the `maxsize` of the cache that holds one.

use leakgate_capture::{ContainerKind, LARGEST_SAID};

use super::api::{self, PyLong_AsLong};
use super::heap::{self, Builtins, Class, Growing, Visitor};
use super::objects::Type;
use super::text;
use crate::containers::Look;

/// Names of such attributes, without underscores and in lower case.
const NAMES: [&[u8]; 11] = [
    b"maxsize",
    b"maxlen",
    b"maxlength",
    b"maxentries",
    b"maxitems",
    b"maxkeys",
    b"maxcount",
    b"maxelements",
    b"maxcachesize",
    b"cachesize",
    b"capacity",
];
/// Containers of one look whose holders are searched for: all references of the heap are compared with them.
const MOST: usize = 64;
/// Bytes of a name that are looked at.
const NAME: usize = 64;

/// Finds who holds some objects.
struct Search {
    /// Sorted.
    wanted: [usize; MOST],
    count: usize,
    /// Object and holder.
    held: Growing<(usize, usize)>,
}

impl Visitor for Search {
    fn object(&mut self, _: usize, _: Class) {}

    fn is_first(&mut self, _: usize, _: Class) -> bool {
        // What the collector does not track holds no container that grows.
        false
    }

    #[inline(always)]
    fn reference(&mut self, from: usize, to: usize) {
        if from != 0 && self.wanted[..self.count].binary_search(&to).is_ok() {
            // Without memory it stays without a bound.
            let _ = self.held.push((to, from));
        }
    }
}

impl Search {
    fn of(objects: impl Iterator<Item = usize>, builtins: &Builtins) -> Search {
        let mut search = Search { wanted: [0; MOST], count: 0, held: Growing::new() };
        for object in objects.take(MOST) {
            search.wanted[search.count] = object;
            search.count += 1;
        }
        search.wanted[..search.count].sort_unstable();
        if search.count > 0 {
            heap::walk(builtins, &mut search);
        }
        search
    }

    fn holders(&self, object: usize) -> impl Iterator<Item = usize> {
        self.held.items().iter().filter(move |(held, _)| *held == object).map(|(_, holder)| *holder)
    }
}

/// The types that are compared with.
struct Types {
    number: usize,
    dictionary: usize,
    member: usize,
}

/// Gives the containers of a look that were not watched before the bound that an attribute says, where one does.
pub(super) fn find(look: &mut Look, builtins: &Builtins) {
    let mut fresh = [(0, 0); MOST];
    let watched = look.fresh().map(|id| (id, look.watched(id)));
    // A deque says it itself.
    let others = watched.filter(|(_, of)| of.kind != ContainerKind::Deque);
    let count = fresh.iter_mut().zip(others).map(|(place, (id, of))| *place = (id, of.object)).count();
    let fresh = &fresh[..count];
    if fresh.is_empty() {
        return;
    }
    let types = Types {
        number: api::data(c"PyLong_Type"),
        dictionary: api::data(c"PyDict_Type"),
        member: api::data(c"PyMemberDescr_Type"),
    };
    let containers = Search::of(fresh.iter().map(|(_, object)| *object), builtins);
    // The dictionaries of instances: their classes have attributes, too.
    let dictionaries = containers.held.items().iter().map(|(_, holder)| *holder);
    let instances = Search::of(dictionaries.filter(|holder| types.is_dictionary(*holder)), builtins);
    for (id, container) in fresh.iter().copied() {
        let direct = containers.holders(container).chain([container]);
        let behind = containers.holders(container).flat_map(|holder| instances.holders(holder));
        if let Some(bound) = direct.chain(behind).filter_map(|holder| types.said_by(holder)).min() {
            // Below -1, which is none: see the record.
            look.set_bound(id, -1 - bound);
        }
    }
}

impl Types {
    fn is_dictionary(&self, object: usize) -> bool {
        // SAFETY: a live object.
        unsafe { Type::of(object) }.0 == self.dictionary
    }

    /// The least bound that the attributes of an object, or the entries of a dictionary, say.
    fn said_by(&self, holder: usize) -> Option<i64> {
        let mut least: Option<i64> = None;
        let mut is_module = false;
        let mut name = [0; NAME];
        let mut tell = |key: usize, value: usize| {
            // SAFETY: live objects.
            let (is_text, of) = unsafe { (Type::of(key).is_text(), Type::of(value)) };
            if !is_text {
                return;
            }
            let length = text::read(key, &mut name);
            is_module |= &name[..length] == b"__name__";
            if of.0 == self.number && is_bound(&name[..length]) {
                least = bound(value).into_iter().chain(least).min();
            }
        };
        if self.is_dictionary(holder) {
            heap::entries(holder).for_each(|(key, value)| tell(key, value));
        } else {
            heap::each_attribute(holder, self.member, &mut tell);
        }
        // The names of a module are about anything in it.
        least.filter(|_| !is_module)
    }
}

/// The value of a whole number, where it can be a bound.
fn bound(number: usize) -> Option<i64> {
    // SAFETY: with the GIL; exactly a number, which runs no code of the program.
    let value = unsafe { PyLong_AsLong()?(number as api::Object) };
    if value == -1 {
        api::clear_error();
    }
    (1..=LARGEST_SAID).contains(&value).then_some(value)
}

/// Whether an attribute's name is that of a bound: `_Cache__maxsize`, `max_entries`, `MAX_SIZE`.
fn is_bound(name: &[u8]) -> bool {
    let mut plain = [0; NAME];
    // What a class puts before its private names ends in two underscores.
    let private = name.windows(2).rposition(|pair| pair == b"__").filter(|at| at + 2 < name.len());
    let own = &name[private.map_or(0, |at| at + 2)..];
    let letters = own.iter().filter(|byte| **byte != b'_').map(u8::to_ascii_lowercase);
    let length = plain.iter_mut().zip(letters).map(|(place, letter)| *place = letter).count();
    NAMES.contains(&&plain[..length])
}
