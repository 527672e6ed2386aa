//! Answers to a person about one profile; one file a view. No view opens files or decides anything.
