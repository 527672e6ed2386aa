//! What a process is called where there is one line for it: its title, or its command.

use std::borrow::Cow;

use super::model::{Birth, Process};

/// Longest name, in characters.
const LONGEST: usize = 100;

impl Process {
    /// What it was started for, or its command, in one line of at most 100 characters. Not clean of invisible characters.
    pub fn name(&self) -> String {
        match (&self.title, self.helper()) {
            (Some(title), _) => cut(&one_line(title)),
            (None, Some(helper)) => helper.to_owned(),
            (None, None) if self.command.is_empty() => "(unknown command)".to_owned(),
            (None, None) => command_line(&self.command),
        }
    }

    /// What a process is that `multiprocessing` started: its command does not say.
    fn helper(&self) -> Option<&'static str> {
        let code = self.command.iter().skip_while(|word| *word != "-c").nth(1)?;
        let module = code.strip_prefix("from multiprocessing.")?.split(' ').next()?;
        match (module, self.birth) {
            ("forkserver", Birth::Forked(_)) => Some("multiprocessing: a worker of the fork server"),
            ("forkserver", _) => Some("multiprocessing: the fork server"),
            ("resource_tracker", _) => Some("multiprocessing: the resource tracker"),
            ("spawn", _) => Some("multiprocessing: a spawned worker"),
            _ => None,
        }
    }
}

/// The words as they would be typed, in one line of at most 100 characters: a script after `-c` may have thousands, on
/// many lines.
pub fn command_line(words: &[impl AsRef<str>]) -> String {
    let mut line = String::new();
    for word in words {
        // What follows would be cut off.
        if line.len() > 4 * LONGEST {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&argument(one_line(word.as_ref())));
    }
    cut(&line)
}

/// A word as the shell takes it for one.
fn argument(word: String) -> String {
    const SPECIAL: &str = " '\"\\$`&|;<>()*?[]{}#~!";
    if !word.is_empty() && !word.contains(|c: char| SPECIAL.contains(c)) {
        return word;
    }
    shlex::try_quote(&word).map_or(word.clone(), Cow::into_owned)
}

/// A text without line breaks and tabs, as much of it as can be shown: a command may be megabytes long.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.split_whitespace() {
        if line.len() > 4 * LONGEST {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    line
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        None => line.to_owned(),
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
        assert_eq!(process.name(), "python -c 'import shop shop.run()'");
        process.title = Some("call shop:quote".to_owned());
        assert_eq!(process.name(), "call shop:quote");
        assert_eq!(Process::default().name(), "(unknown command)");
    }

    #[test]
    fn a_command_is_shown_as_the_shell_takes_it() {
        let line = command_line(&["env", "A=b c", "./run", "--to=x,y", "it's", "", "größe", "a&b"]);
        assert_eq!(line, r#"env 'A=b c' ./run --to=x,y "it's" '' größe 'a&b'"#);
    }

    #[test]
    fn what_multiprocessing_starts_is_called_by_what_it_does() {
        let named = |code: &str, birth| {
            let command = ["python", "-B", "-c", code].map(str::to_owned).into();
            Process { command, birth, ..Process::default() }.name()
        };
        let server = "from multiprocessing.forkserver import main; main(11, 12, ['__main__'], **{})";
        assert_eq!(named(server, Birth::Unknown), "multiprocessing: the fork server");
        let worker = named(server, Birth::Forked(Default::default()));
        assert_eq!(worker, "multiprocessing: a worker of the fork server");
        let tracker = "from multiprocessing.resource_tracker import main;main(5)";
        assert_eq!(named(tracker, Birth::Unknown), "multiprocessing: the resource tracker");
        let spawned = "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=6)";
        assert_eq!(named(spawned, Birth::Unknown), "multiprocessing: a spawned worker");
        assert_eq!(
            named("from multiprocessing import Pool", Birth::Unknown),
            "python -B -c 'from multiprocessing import Pool'"
        );
    }

    #[test]
    fn a_long_command_is_one_line_of_a_hundred_characters() {
        let line = command_line(&["é".repeat(99), "b".repeat(1 << 20)]);
        assert_eq!(line, format!("{}…", "é".repeat(99)));
        assert_eq!(command_line(&["a".repeat(100)]), "a".repeat(100));
    }
}
