//! The tracker's exactness: real programs that allocate amounts known by construction, recorded by the real program.
//!
//! Programs in C stand in `tests/programs`, and are compiled without optimisation: each function of theirs is a site
//! that can be asked for by its name. Those in Python stand beside their tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![allow(clippy::print_stderr, reason = "what is skipped is told")]

mod allocators;
mod bill;
mod bill_packages;
mod code;
mod containers;
mod damage;
mod embedded;
mod endings;
mod folders;
mod follow;
mod harness;
mod heap;
mod heap_paths;
mod heap_views;
mod limits;
mod lost_children;
mod mappings;
mod marks;
mod objects;
mod peaks;
mod preloads;
mod processes;
mod programs;
mod python;
mod reused;
mod signals;
mod stacks;
mod temporary;
mod threads;
mod transparent;
mod trees;
mod trim;
mod workers;
