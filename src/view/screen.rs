//! Where a view is printed: a terminal of some width, or a pipe. The only user of the table library.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;

use comfy_table::{CellAlignment, Column as TableColumn, LineStyle, Table, TableStyle};

use super::text::{shorten_end, shorten_middle, shorten_path, width};

/// Spaces between two columns.
const GAP: usize = 2;
/// What a trail gets when the names leave nothing.
const SHORT_TRAIL: usize = 20;
/// A column is never made narrower than this.
const NARROWEST: usize = 8;

/// Where a view is printed.
#[derive(Debug, Clone)]
pub struct Screen {
    /// Columns of the terminal; `None` for a pipe: nothing is cut to fit.
    pub width: Option<usize>,
    /// Which characters lines are drawn with.
    pub glyphs: Glyphs,
    /// Whether escape sequences may be printed.
    pub colour: Colour,
    /// Paths below this folder are printed relative to it.
    pub folder: PathBuf,
}

/// Which characters lines are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// ASCII only.
    Ascii,
    /// Box drawing and block elements.
    Unicode,
}

/// Whether escape sequences may be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// None at all.
    Never,
    /// Bold, faint, and the colours of the terminal's own palette.
    Ansi,
}

/// How a column's texts are made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// To the right, never cut.
    Number,
    /// To the left, never cut.
    Word,
    /// To the left, cut in the middle.
    Name,
    /// To the left, folders in the middle cut.
    Path,
    /// To the left, the end cut.
    Trail,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Heading.
    pub title: &'static str,
    /// How its texts are made to fit.
    pub fit: Fit,
    /// Terminals narrower than this do without the column.
    pub from: usize,
}

/// A column; short, so that a table's columns read as one.
pub const fn column(title: &'static str, fit: Fit) -> Column {
    Column { title, fit, from: 0 }
}

impl Column {
    /// The same column for terminals of that width and more.
    pub const fn from(self, from: usize) -> Column {
        Column { from, ..self }
    }
}

impl Screen {
    /// A pipe or a file: plain, nothing cut.
    pub fn pipe(folder: PathBuf) -> Screen {
        Screen { width: None, glyphs: Glyphs::Ascii, colour: Colour::Never, folder }
    }

    /// A terminal without colours.
    pub fn terminal(width: usize, folder: PathBuf) -> Screen {
        Screen { width: Some(width.max(40)), glyphs: Glyphs::Unicode, colour: Colour::Never, folder }
    }

    /// What stands for text that was cut.
    pub fn ellipsis(&self) -> &'static str {
        self.glyph("...", "…")
    }

    /// One of two texts: for ASCII, and for all of Unicode.
    pub fn glyph(&self, ascii: &'static str, unicode: &'static str) -> &'static str {
        match self.glyphs {
            Glyphs::Ascii => ascii,
            Glyphs::Unicode => unicode,
        }
    }

    /// The text in bold.
    pub fn strong<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.painted("1", text)
    }

    /// The text in the background.
    pub fn faint<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.painted("2", text)
    }

    /// The text in the colour that its share of the whole deserves: red from a half, yellow from a tenth.
    pub fn heat<'a>(&self, tenths: u32, text: &'a str) -> Cow<'a, str> {
        match tenths {
            500.. => self.painted("31", text),
            100..500 => self.painted("33", text),
            _ => Cow::Borrowed(text),
        }
    }

    fn painted<'a>(&self, code: &str, text: &'a str) -> Cow<'a, str> {
        match self.colour {
            Colour::Never => Cow::Borrowed(text),
            Colour::Ansi => Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m")),
        }
    }

    /// Prints a table that fits the screen; nothing where it has no rows.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn table(&self, columns: &[Column], rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let is_shown = |column: &Column| self.width.is_none_or(|width| width >= column.from);
        let (shown, hidden): (Vec<Column>, Vec<Column>) = columns.iter().partition(|column| is_shown(column));
        let texts = |row: &Vec<String>| {
            let cells = row.iter().zip(columns).filter(|(_, column)| is_shown(column));
            cells.map(|(text, _)| text.clone()).collect()
        };
        self.print_table(&shown, &rows.iter().map(texts).collect::<Vec<Vec<String>>>(), out)?;
        let Some(from) = hidden.iter().map(|column| column.from).max() else { return Ok(()) };
        let titles: Vec<&str> = hidden.iter().map(|column| column.title).collect();
        writeln!(out, "{}", self.faint(&format!("from {from} columns also: {}", titles.join(", "))))
    }

    fn print_table(&self, columns: &[Column], rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
        let widths = self.widths(columns, rows);
        let mut table = Table::new();
        table.load_style(self.table_style()).set_header(columns.iter().map(|column| column.title));
        for row in rows {
            let cells = row.iter().zip(columns.iter().zip(&widths));
            table.add_row(cells.map(|(text, (column, most))| self.fit(column.fit, text, *most)));
        }
        let last = columns.len().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            pad(column, columns[index].fit, if index == last { 0 } else { GAP as u16 });
        }
        for (number, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let heading = number == 0;
            writeln!(out, "{}", if heading { self.strong(line) } else { line.into() })?;
        }
        Ok(())
    }

    fn table_style(&self) -> TableStyle {
        match self.glyphs {
            Glyphs::Ascii => TableStyle::new(),
            Glyphs::Unicode => TableStyle::new().header_separator(LineStyle::none().fill('─')),
        }
    }

    fn fit<'a>(&self, fit: Fit, text: &'a str, most: usize) -> Cow<'a, str> {
        match fit {
            Fit::Number | Fit::Word => Cow::Borrowed(text),
            Fit::Name => shorten_middle(text, most, self.ellipsis()),
            Fit::Path => shorten_path(text, most, self.ellipsis()),
            Fit::Trail => shorten_end(text, most, self.ellipsis()),
        }
    }

    /// Columns that can be cut share what the others leave: the narrow ones get all they need, the wide ones the same.
    /// A trail comes last: it gets what the names leave.
    fn widths(&self, columns: &[Column], rows: &[Vec<String>]) -> Vec<usize> {
        let mut widths: Vec<usize> = columns.iter().map(|column| width(column.title)).collect();
        for row in rows {
            for (most, text) in widths.iter_mut().zip(row) {
                *most = (*most).max(width(text));
            }
        }
        let Some(room) = self.width else { return widths };
        let can_be_cut = |at: &usize| !matches!(columns[*at].fit, Fit::Number | Fit::Word);
        let (mut open, fixed): (Vec<usize>, Vec<usize>) = (0..columns.len()).partition(can_be_cut);
        let taken = fixed.iter().map(|at| widths[*at]).sum::<usize>() + GAP * columns.len().saturating_sub(1);
        let mut left = room.saturating_sub(taken);
        let is_trail = |at: usize| columns[at].fit == Fit::Trail;
        open.sort_by_key(|at| (is_trail(*at), widths[*at], *at));
        for (done, at) in open.iter().enumerate() {
            let (trails, names): (Vec<usize>, Vec<usize>) =
                open[done..].iter().partition(|at| is_trail(**at));
            let kept: usize = trails.iter().map(|at| widths[*at].min(SHORT_TRAIL)).sum();
            let fair =
                if is_trail(*at) { left / trails.len() } else { left.saturating_sub(kept) / names.len() };
            widths[*at] = widths[*at].min(fair.max(NARROWEST));
            left = left.saturating_sub(widths[*at]);
        }
        widths
    }
}

fn pad(column: &mut TableColumn, fit: Fit, gap: u16) {
    column.set_padding((0, gap));
    column.set_cell_alignment(match fit {
        Fit::Number => CellAlignment::Right,
        Fit::Word | Fit::Name | Fit::Path | Fit::Trail => CellAlignment::Left,
    });
}
