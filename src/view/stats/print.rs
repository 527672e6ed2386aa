//! Prints the statistics for a person.

use std::io::{self, Write};

use super::super::View;
use super::super::head::{Head, size_text};
use super::super::moment::{Size, percent, share_text, shares};
use super::super::screen::{Column, Fit, Glyphs, Screen, column};
use super::super::table::Row;
use super::{List, SizeClass, Stats, Temporary, Totals};
use crate::units::{Bytes, grouped};

/// Columns of the longest bar.
const BAR: usize = 24;

impl View for Stats {
    fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    fn print(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        self.head.print_top(screen, out)?;
        self.print_totals(screen, out)?;
        let bills = self.bills.iter().filter(|bill| bill.is_printed());
        bills.into_iter().try_for_each(|bill| bill.print(screen, out))?;
        self.print_sizes(screen, out)?;
        self.print_domains(screen, out)?;
        let at = self.head.at.phrase();
        let allocators = self.allocators.named("function", |row| (row.allocator.to_string(), row.size));
        self.print_list(&format!("by allocating function, {at}"), &allocators, screen, out)?;
        let modules = self.modules.named("module", |row| (row.module.clone(), row.size));
        self.print_list(&format!("top modules, {at}"), &modules, screen, out)?;
        let threads = self.threads.named("thread", |row| (row.thread.label(), row.size));
        self.print_list(&format!("by thread, {at}"), &threads, screen, out)?;
        self.print_top_sites(screen, out)?;
        self.print_temporary(screen, out)?;
        self.head.print_bottom(screen, out)
    }
}

/// A list as it is printed: what its rows are, their names and figures; the last row may tell what was cut.
struct Named {
    kind: &'static str,
    rows: Vec<(String, Size)>,
}

impl<T> List<T> {
    fn named(&self, kind: &'static str, row: impl Fn(&T) -> (String, Size)) -> Named {
        let mut rows: Vec<(String, Size)> = self.rows.iter().map(row).collect();
        if self.more.rows > 0 {
            rows.push((format!("+{} more", grouped(self.more.rows as u64)), self.more.size));
        }
        Named { kind, rows }
    }
}

impl SizeClass {
    /// `16 B to < 32 B`; a class of one size is just that size.
    fn range(&self) -> String {
        let from = Bytes(self.from).to_string();
        if self.from == self.to {
            return format!("{from:>9} {:14}", "");
        }
        format!("{from:>9} to < {:<9}", Bytes(self.to.saturating_add(1)).to_string())
    }
}

impl Stats {
    fn print_totals(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let Totals { peak, end, allocated } = self.totals;
        writeln!(out, "{}", screen.strong("totals"))?;
        for (name, size) in [("peak", peak), ("end", end), ("allocated in all", allocated)] {
            writeln!(out, "  {name:<18}{}", size_text(size))?;
        }
        if self.tracker_bytes > 0 {
            writeln!(
                out,
                "  {:<18}{} (apart, not in any figure)",
                "tracker's own",
                Bytes(self.tracker_bytes)
            )?;
        }
        Ok(())
    }

    fn print_sizes(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.sizes.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.strong("allocations by size, since the start"))?;
        let largest = self.sizes.iter().map(|class| class.allocations).max().unwrap_or(0);
        for same in self.sizes.chunk_by(|one, next| one.allocations == 0 && next.allocations == 0) {
            let [class] = same else {
                // Two empty classes and more.
                writeln!(out, "{:>9}", screen.ellipsis())?;
                continue;
            };
            let bar = bar(class.allocations, largest, screen.glyphs);
            let line = format!("  {} {:>15}  {bar}", class.range(), grouped(class.allocations));
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn print_domains(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{}", screen.strong(&format!("by domain, {}", self.head.at.phrase())))?;
        let counted: Vec<u64> =
            self.domains.iter().map(|row| if row.counts { row.size.bytes } else { 0 }).collect();
        let shares = shares(&counted, self.head.live.bytes);
        let rows: Vec<Vec<String>> = (self.domains.iter().zip(shares))
            .map(|(row, share)| {
                let share = if row.counts { share_text(share) } else { "not counted".into() };
                vec![
                    Bytes(row.size.bytes).to_string(),
                    share,
                    grouped(row.size.blocks),
                    row.domain.to_string(),
                ]
            })
            .collect();
        screen.table(&list_columns("domain"), &rows, out)
    }

    fn print_list(&self, title: &str, list: &Named, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if list.rows.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.strong(title))?;
        let parts: Vec<u64> = list.rows.iter().map(|(_, size)| size.bytes).collect();
        let shares = shares(&parts, self.head.live.bytes);
        let rows: Vec<Vec<String>> = (list.rows.iter().zip(shares))
            .map(|((name, size), share)| {
                vec![Bytes(size.bytes).to_string(), share_text(share), grouped(size.blocks), name.clone()]
            })
            .collect();
        screen.table(&list_columns(list.kind), &rows, out)
    }

    fn print_top_sites(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.top_by_size.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.strong(&format!("top sites by size, {}", self.head.at.phrase())))?;
        let rows: Vec<Vec<String>> =
            self.top_by_size.iter().map(|row| site_cells(row, row.size, screen)).collect();
        screen.table(&site_columns("bytes", "blocks"), &rows, out)?;
        writeln!(out, "\n{}", screen.strong("top sites by number of allocations, since the start"))?;
        let rows: Vec<Vec<String>> =
            self.top_by_count.iter().map(|row| site_cells(row, row.allocated, screen)).collect();
        screen.table(&site_columns("allocated", "times"), &rows, out)
    }
}

impl Stats {
    /// The sites with most temporary blocks; `of its own` is the part of a site's allocations that they are.
    fn print_temporary(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let Temporary { size, percent_of_allocations, sites } = &self.temporary;
        if sites.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.strong("top sites by temporary allocations, since the start"))?;
        let share = format!("{percent_of_allocations:.1} % of all allocations");
        writeln!(out, "  {}, {share}", size_text(*size))?;
        let rows: Vec<Vec<String>> = sites.iter().map(|row| temporary_cells(row, screen)).collect();
        let [bytes, times, rest @ ..] = site_columns("temporary", "times");
        let columns: Vec<Column> =
            [bytes, times, column("of its own", Fit::Number)].into_iter().chain(rest).collect();
        screen.table(&columns, &rows, out)
    }
}

fn temporary_cells(row: &Row, screen: &Screen) -> Vec<String> {
    let mut cells = site_cells(row, row.size, screen);
    cells.insert(2, format!("{:.1}%", percent(row.size.blocks, row.allocated.blocks)));
    cells
}

fn list_columns(kind: &'static str) -> [Column; 4] {
    [
        column("bytes", Fit::Number),
        column("share", Fit::Number),
        column("blocks", Fit::Number),
        column(kind, Fit::Name),
    ]
}

fn site_columns(bytes: &'static str, blocks: &'static str) -> [Column; 6] {
    [
        column(bytes, Fit::Number),
        column(blocks, Fit::Number),
        column("allocator", Fit::Word),
        column("function", Fit::Name),
        column("at", Fit::Path),
        column("called from", Fit::Trail).from(110),
    ]
}

fn site_cells(row: &Row, size: Size, screen: &Screen) -> Vec<String> {
    let place = row.innermost();
    vec![
        Bytes(size.bytes).to_string(),
        grouped(size.blocks),
        row.allocator.to_string(),
        place.name(),
        place.location(&screen.folder),
        row.callers(screen),
    ]
}

/// A bar as long as its part of the largest; what is not nothing is seen.
fn bar(count: u64, largest: u64, glyphs: Glyphs) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if count == 0 {
        return String::new();
    }
    let eighths = ((count as f64 / largest as f64) * (BAR * 8) as f64).round().max(1.0) as usize;
    match glyphs {
        Glyphs::Ascii => "#".repeat(eighths.div_ceil(8)),
        Glyphs::Unicode => "█".repeat(eighths / 8) + EIGHTHS[eighths % 8],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_allocation_among_millions_still_has_a_bar() {
        assert_eq!(bar(1, 10_000_000, Glyphs::Ascii), "#");
        assert_eq!(bar(1, 10_000_000, Glyphs::Unicode), "▏");
        assert_eq!(bar(7, 7, Glyphs::Unicode), "█".repeat(BAR));
        assert_eq!(bar(0, 7, Glyphs::Ascii), "");
    }
}
