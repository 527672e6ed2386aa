//! The judgement: measured figures against budgets. Decides, and only decides: opens no file, prints nothing.

pub mod budgets;
pub mod growth;
pub mod measurement;
