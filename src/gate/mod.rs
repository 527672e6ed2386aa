//! The judgement: measured figures against budgets. Decides, and only decides: opens no file, prints nothing.
//!
//! `budgets` judges each figure, with `growth` for the one that is a rate, `leak` and `verdict` for whether memory leaks, `steps` for growth that came once, `parts` for what of a leak is new, `counted` for what is not memory, `undecided` for what cannot be told, `few` for commands with too few iterations, `threads` for programs that wait for one, `processes` for those of several, `runs` for those of several runs; `holders` says whose memory it is, by the
//! places that `place` tells apart; `fingerprint` gives a finding its identity; `wording` has what people read. `allow` and `known` say which findings are lived with, by the `sites` that their
//! memory came through.

pub mod allow;
pub mod budgets;
mod counted;
mod few;
pub mod fingerprint;
pub mod growth;
pub mod holders;
pub mod known;
pub mod leak;
pub mod measurement;
pub mod owners;
mod pace;
pub mod parts;
pub mod place;
pub mod processes;
pub mod runs;
pub mod sites;
pub mod steps;
pub mod threads;
mod undecided;
mod validity;
pub mod verdict;
pub mod wording;
