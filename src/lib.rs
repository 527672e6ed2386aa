//! leakgate: a gate that stops memory leaks and memory regressions before they ship.
//!
//! The flow, and the modules that make it up: a `config` declares scenarios; `scenario` runs them under the
//! preloaded tracker, which leaves a capture; `profile` loads the capture into the model that everything else
//! reads; `gate` judges it and makes `finding`s, which a `baseline` may have accepted; an `outcome` carries them to `report` (for machines and pull
//! requests) while `view` answers a person's questions about one profile. `commands` ties these to the terminal.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "what runs scenarios, and uses all, is not there")
)]

pub mod baseline;
pub mod ci;
pub mod cli;
pub mod commands;
pub mod config;
pub mod date;
pub mod difference;
pub mod distributions;
pub mod exit;
pub mod finding;
pub mod forge;
pub mod gate;
pub mod heap;
pub mod outcome;
pub mod pattern;
pub mod profile;
pub mod report;
pub mod rules;
pub mod scenario;
pub mod stable_hash;
mod system;
pub mod units;
pub mod view;
