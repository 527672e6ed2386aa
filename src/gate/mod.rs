//! The judgement: measured figures against budgets. Decides, and only decides: opens no file, prints nothing.
//!
//! `budgets` judges each figure, with `growth` for the one that is a rate, `leak` and `verdict` for whether memory leaks, and `processes` for those of several; `holders` says whose memory it is, by the
//! places that `place` tells apart; `fingerprint` gives a finding its identity; `wording` has what people read.

pub mod budgets;
pub mod fingerprint;
pub mod growth;
pub mod holders;
pub mod leak;
pub mod measurement;
pub mod place;
pub mod processes;
pub mod verdict;
pub mod wording;
