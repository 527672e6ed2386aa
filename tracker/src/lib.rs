//! The preloaded library: accounts for every allocation of the process it is loaded into.
//!
//! It lives inside other people's processes. It may never crash them, hang them, or change what they do; when in
//! doubt it records less and says so in the capture's header.
//!
//! | module | what it is for |
//! |---|---|
//! | `hooks` | the exported functions: forward, then tell |
//! | `real` | the functions that the hooks forward to |
//! | `event` | an allocation or a free: which site changes, and how |
//! | `protocol` | counters and peak: when a thread may count by itself, and how all are stopped |
//! | `sync` | what the protocol is written with |
//! | `world` | the protocol in this process |
//! | `cells` | what threads count of sites that others own |
//! | `shadow` | size and site of every live block, by address |
//! | `trim` | giving its pages back |
//! | `stack` | the site of the present call stack |
//! | `intern` | strings, frames, stacks and sites, each stored once |
//! | `python` | CPython: allocator domains, frames, lines, the builtin module `_leakgate` |
//! | `mapping` | mappings by the kernel's rules |
//! | `thread` | what is known of a thread, and how it is found without a call |
//! | `capture` | the file that both sides hold |
//! | `checkpoint` | freezing all sites |
//! | `children` | how many child processes there are |
//! | `containers` | the lengths of lists, dictionaries and the like that grow |
//! | `bill` | what is resident, part by part |
//! | `fork` | a child gets a file of its own before it records anything |
//! | `follow` | what a program that is started is given so that it is recorded too |
//! | `journal` | which process began, and which program one executed |
//! | `start` | where it begins and ends |
//! | `sys` | system calls that leave `errno` alone |
//! | `text` | a text that is set once |

#![no_std]

#[cfg(not(target_os = "linux"))]
compile_error!("the tracker is for Linux");

mod bill;
mod capture;
mod cells;
mod checkpoint;
mod children;
mod containers;
mod event;
mod follow;
mod fork;
mod hooks;
mod intern;
mod journal;
mod lock;
mod mapping;
mod modules;
mod protocol;
mod python;
mod real;
mod shadow;
mod stack;
mod start;
mod sync;
mod sys;
mod table;
mod text;
mod thread;
mod trim;
mod world;

/// Ends the process: a bug in here must not go on with wrong figures. Never reached by design.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}
