//! Budgets: a measured figure against its limit, inclusive.
