//! Growth: retained bytes added per iteration, once warm.
