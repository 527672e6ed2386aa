//! What a process is called where there is one line for it: its title, or its command.

use super::model::Process;

/// Longest name, in characters.
const LONGEST: usize = 100;

impl Process {
    /// What it was started for, or its command, in one line of at most 100 characters. Not clean of invisible characters.
    pub fn name(&self) -> String {
        match &self.title {
            Some(title) => command_line(&[title]),
            None if self.command.is_empty() => "(unknown command)".to_owned(),
            None => command_line(&self.command),
        }
    }
}

/// The words in one line of at most 100 characters: a script after `-c` may have thousands, on many lines.
pub fn command_line(words: &[impl AsRef<str>]) -> String {
    let mut parts = words.iter().flat_map(|word| word.as_ref().split_whitespace());
    let mut line = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // What follows would be cut off; a command may be megabytes long.
        if line.len() > 4 * LONGEST {
            break;
        }
        line.push(' ');
        line.push_str(part);
    }
    match line.char_indices().nth(LONGEST) {
        None => line,
        Some(_) => line.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_called_by_its_title_else_by_its_command() {
        let command = vec!["python".to_owned(), "-c".to_owned(), "import shop\nshop.run()\n".to_owned()];
        let mut process = Process { command, ..Process::default() };
        assert_eq!(process.name(), "python -c import shop shop.run()");
        process.title = Some("call shop:quote".to_owned());
        assert_eq!(process.name(), "call shop:quote");
        assert_eq!(Process::default().name(), "(unknown command)");
    }

    #[test]
    fn a_long_command_is_one_line_of_a_hundred_characters() {
        let line = command_line(&["é".repeat(99), "b".repeat(1 << 20)]);
        assert_eq!(line, format!("{}…", "é".repeat(99)));
        assert_eq!(command_line(&["a".repeat(100)]), "a".repeat(100));
    }
}
