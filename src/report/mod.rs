//! An outcome delivered to a machine or a pull request; one file a format.
