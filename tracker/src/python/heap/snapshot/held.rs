//! What holds objects from outside: the imported modules, and what running functions and their threads refer to.

use core::ffi::c_void;
use core::ptr::null_mut;

use leakgate_capture::heap::{
    ROOT_CONTEXT, ROOT_FRAME, ROOT_LOCAL, ROOT_MAYBE, ROOT_MODULES, ROOT_OWN, ROOT_THREAD,
};

use super::super::super::frames::{self, RawFrame, word};
use super::super::super::objects::LOWEST;
use super::super::super::{api, text};
use super::super::enumerate::is_tracked;
use super::greenlets::Greenlets;
use super::ids::Ids;
use super::names;
use super::out::{Later, Numbers};

/// The driver's file.
const OWN: &[u8] = b"<leakgate driver>";
/// Most functions that a thread runs.
const DEEPEST: usize = 1 << 20;

/// Finds what holds objects.
pub(super) struct Held<'a> {
    pub(super) ids: &'a mut Ids,
    pub(super) out: &'a mut Later,
}

impl Held<'_> {
    /// The imported modules, before anything else has a number.
    pub(super) fn modules(&mut self) {
        // SAFETY: with the GIL; borrowed.
        let modules = api::PyImport_GetModuleDict().map_or(null_mut(), |modules| unsafe { modules() });
        self.root(ROOT_MODULES, modules as usize);
        for module in [c"_leakgate", c"leakgate_memory"] {
            // SAFETY: with the GIL; borrowed.
            let own = api::PyDict_GetItemString()
                .map_or(null_mut(), |item| unsafe { item(modules, module.as_ptr()) });
            self.root(ROOT_OWN, own as usize);
        }
    }

    /// What the threads hold; all that the collector tracks must have a number by now. How many threads there are.
    pub(super) fn threads(&mut self) -> u64 {
        let mut state = first_state().unwrap_or(null_mut());
        let mut thread = 0;
        while !state.is_null() {
            for frame in frames::of_state(state as usize).take(DEEPEST) {
                self.frame(frame, thread);
            }
            self.values(state as usize, thread);
            // SAFETY: with the GIL; a live thread state.
            state = api::PyThreadState_Next().map_or(null_mut(), |next| unsafe { next(state) });
            thread += 1;
        }
        thread
    }

    /// What suspended greenlets hold in their variables, each as a thread of a number of its own.
    pub(super) fn greenlets(&mut self, greenlets: &Greenlets, threads: u64) {
        let mut number = threads;
        for id in 0..self.ids.len() as u32 {
            let object = self.ids.address(id);
            if greenlets.is_one(object) {
                greenlets.each_frame(object, |frame| self.frame(frame, number));
                number += 1;
            }
        }
    }

    fn root(&mut self, kind: u64, object: usize) {
        if object >= LOWEST
            && let Some(id) = self.ids.of(object)
        {
            self.out.number(kind);
            self.out.number(id.into());
        }
    }

    fn frame(&mut self, frame: usize, thread: u64) {
        let raw = frames::read(frame);
        let (name, file) = (frames::code_name(raw.code), frames::code_file(raw.code));
        let (Some(function), Some(file_id)) = (names::wanted(self.ids, name), names::wanted(self.ids, file))
        else {
            return;
        };
        let is_own = is_own(file);
        self.out.number(ROOT_FRAME);
        self.out.number(thread);
        self.out.number(function.into());
        self.out.number(file_id.into());
        self.out.number(frames::line(&raw).into());
        self.out.number(is_own.into());
        self.variables(frame, &raw);
        if is_own {
            self.root(ROOT_OWN, frames::globals(frame));
        }
    }

    fn variables(&mut self, frame: usize, raw: &RawFrame) {
        let (first, count) = match frames::running(frame) {
            frames::Running::Object => return self.variables_of_object(frame, raw),
            frames::Running::Variables { first, count } => (first, count),
        };
        for part in frames::parts(frame) {
            self.local(part, None);
        }
        let mut names = names::each_variable(raw.code);
        for index in 0..count.min(MOST_LOCALS) {
            let name = names.next();
            // SAFETY: a running function has so many variables.
            let value = unsafe { word(first + index * 8) };
            if let Some(object) = frames::untagged(value) {
                let name = name.and_then(|name| names::wanted(self.ids, name));
                self.local(object, name);
            }
        }
        self.stack(first, count, raw.code);
    }

    /// Up to 3.10: a frame is an object, but while its function runs the collector mostly does not track it, so that nobody
    /// visits its variables.
    fn variables_of_object(&mut self, frame: usize, raw: &RawFrame) {
        self.local(frame, None);
        // SAFETY: a live object with a header.
        if unsafe { is_tracked(frame) } {
            return;
        }
        for part in frames::parts_of_object(frame) {
            self.local(part, None);
        }
        let mut count = 0;
        for (place, name) in names::each_variable(raw.code).enumerate() {
            let value = frames::variable_of_object(frame, place);
            count = place + 1;
            if value != 0 {
                let name = names::wanted(self.ids, name);
                self.local(value, name);
            }
        }
        self.stack(frames::first_variable(frame), count, raw.code);
    }

    /// Behind the variables there is room for the values that the function works with: those above the topmost one are
    /// left from before, and may be no objects any more, so that only known ones count.
    fn stack(&mut self, first: usize, variables: usize, code: usize) {
        for index in variables..variables.saturating_add(frames::stack_size(code)).min(MOST_LOCALS) {
            // SAFETY: there is so much room.
            let value = unsafe { word(first + index * 8) };
            let known = frames::untagged(value).and_then(|object| self.ids.find(object));
            if let Some(id) = known {
                self.out.number(ROOT_MAYBE);
                self.out.number(id.into());
            }
        }
    }

    fn local(&mut self, object: usize, name: Option<u32>) {
        if object >= LOWEST
            && let Some(id) = self.ids.of(object)
        {
            self.out.number(ROOT_LOCAL);
            self.out.number(id.into());
            self.out.number(name.map_or(0, |name| u64::from(name) + 1));
        }
    }

    /// The dictionary of a thread's own values, and its context: what stands where they should is one only if it is known.
    fn values(&mut self, state: usize, thread: u64) {
        let Some((dictionary, context)) = frames::layout().state_values else { return };
        for (kind, offset) in [(ROOT_THREAD, dictionary), (ROOT_CONTEXT, context)] {
            // SAFETY: a live thread state, laid out as its version's row says.
            let object = unsafe { word(state + offset) };
            if object >= LOWEST
                && let Some(id) = self.ids.find(object)
            {
                self.out.number(kind);
                self.out.number(thread);
                self.out.number(id.into());
            }
        }
    }
}

const MOST_LOCALS: usize = 1 << 16;

fn is_own(file: usize) -> bool {
    let mut room = [0; OWN.len() + 1];
    let length = text::read(file, &mut room);
    &room[..length] == OWN
}

fn first_state() -> Option<*mut c_void> {
    // SAFETY: with the GIL; the first interpreter lives as long as its code runs.
    unsafe { Some(api::PyInterpreterState_ThreadHead()?(api::PyInterpreterState_Main()?())) }
}
