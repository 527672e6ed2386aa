//! The pull request's report, as a renderer of CommonMark with GitHub's tables sees it.

use leakgate::outcome::Outcome;
use leakgate::report::{Color, DEFAULT_COMMENT, Format, Options, Sources, render};
use pulldown_cmark::{Event, Options as Extensions, Parser, Tag, TagEnd};
use regex::Regex;

use super::outcomes::{canonical, compared, hostile, sample};
use super::{many, shown};

fn events(markdown: &str) -> Vec<Event<'_>> {
    let extensions = Extensions::ENABLE_TABLES | Extensions::ENABLE_STRIKETHROUGH | Extensions::ENABLE_GFM;
    Parser::new_ext(markdown, extensions).collect()
}

/// What is raw HTML to the renderer may be a fold or an empty comment, and nothing else.
fn assert_harmless(outcome: &Outcome) {
    let markdown = shown(Format::Markdown, outcome);
    let ours =
        Regex::new("^(</?details>|</?summary>|<!-- (leakgate:(default|config-[0-9a-f]{16}) )?-->|\\s)*$")
            .expect("an expression");
    let between = Regex::new(">[^<>]+<").expect("an expression");
    let mut tables = 0;
    for event in events(&markdown) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                panic!("a link to {dest_url}")
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let tags = between.replace_all(&html, "><").into_owned();
                assert!(ours.is_match(&tags), "raw HTML: {html}");
            }
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::Start(Tag::Heading { .. } | Tag::CodeBlock(_)) | Event::Text(_) => {}
            _ => {}
        }
    }
    assert!(tables > 0, "{markdown}");
}

#[test]
fn text_of_programs_makes_no_link_no_image_and_no_html() {
    for outcome in [canonical(), compared(), hostile(), many(30)] {
        assert_harmless(&outcome);
    }
}

#[test]
fn every_row_of_the_table_has_the_cells_of_its_head() {
    for outcome in [canonical(), compared(), hostile()] {
        let markdown = shown(Format::Markdown, &outcome);
        let (mut cells, mut heads) = (0, 0);
        for event in events(&markdown) {
            match event {
                Event::Start(Tag::TableHead | Tag::TableRow) => cells = 0,
                Event::Start(Tag::TableCell) => cells += 1,
                Event::End(TagEnd::TableHead) => heads = cells,
                Event::End(TagEnd::TableRow) => assert_eq!(cells, heads),
                _ => {}
            }
        }
    }
}

/// A reader of mail, or of a renderer without extensions, sees the sentence before anything else.
#[test]
fn the_sentence_comes_first_after_the_heading() {
    let markdown = shown(Format::Markdown, &sample());
    let mut text = String::new();
    for event in events(&markdown) {
        match event {
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            Event::SoftBreak | Event::End(TagEnd::Heading(_)) => text.push('\n'),
            Event::Start(Tag::Table(_)) => break,
            _ => {}
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "❌ leakgate: 1 budget exceeded · 1 of 2 scenarios failed",
            "shop.quotes._SEEN (list) keeps 1 more list, 7.9 KiB, after every iteration",
            "Scenario quote · filled at shop/quotes.py:14 in remember · rule budget-growth",
        ]
    );
}

#[test]
fn the_heading_says_what_was_found_and_whether_the_change_brought_it() {
    let heading = |outcome: &Outcome, source: &dyn Sources| {
        let options = Options { width: 0, color: Color::Plain, source, comment: DEFAULT_COMMENT };
        render(Format::Markdown, outcome, &options).lines().nth(1).expect("a heading").to_owned()
    };
    let nothing = |_: &str| None::<String>;
    let mut outcome = compared();
    outcome.scenarios.retain(|scenario| scenario.name == "fresh");
    let one = "### ❌ leakgate: 1 leak, new in this pull request · 1 of 1 scenario failed";
    assert_eq!(heading(&outcome, &Review), one);
    let without = "### ❌ leakgate: 1 leak, new since the baseline · 1 of 1 scenario failed";
    assert_eq!(heading(&outcome, &nothing), without);
    // What somebody accepted, and is there all the same.
    outcome.fail_on = leakgate::config::FailOn::Any;
    let found = &mut outcome.scenarios[0].findings[0];
    found.standing = leakgate::finding::Standing::Accepted;
    found.accepted = Some(leakgate::baseline::Level::Present);
    let old = "### ❌ leakgate: 1 leak, already on ``ma`in`` · 1 of 1 scenario failed";
    assert_eq!(heading(&outcome, &Review), old);
    outcome.scenarios[0].baseline = leakgate::outcome::Compared::NoBaseline;
    outcome.scenarios[0].findings[0].standing = leakgate::finding::Standing::New;
    outcome.scenarios[0].findings[0].accepted = None;
    assert_eq!(heading(&outcome, &Review), "### ❌ leakgate: 1 leak · 1 of 1 scenario failed");
}

/// The line is in the change, and can be looked at.
struct Review;

impl Sources for Review {
    fn text(&self, _file: &str) -> Option<String> {
        None
    }

    fn is_changed(&self, _file: &str, line: u32) -> Option<bool> {
        Some(line == 14)
    }

    fn review(&self) -> Option<leakgate::report::Review> {
        Some(leakgate::report::Review { noun: "pull request", target: "ma`in".to_owned() })
    }

    fn link(&self, file: &str, line: u32) -> Option<String> {
        Some(format!("https://example.org/blob/abc/{}#L{line}", leakgate::report::encoded(file)))
    }
}

/// So many leaking scenarios with a finding each on a line of its own; the last one's line is in the change.
fn leaking(count: u32) -> Outcome {
    let mut outcome = sample();
    let mut quote = outcome.scenarios.remove(1);
    quote.findings.truncate(1);
    outcome.scenarios = Vec::new();
    for index in 0..count {
        let mut scenario = quote.clone();
        scenario.name = format!("leak-{index}");
        let finding = &mut scenario.findings[0];
        finding.fingerprint = format!("{index:012x}");
        // Three bytes a character: in bytes, the room would be full much earlier.
        finding.help = format!("mend {index} {}", "€".repeat(300));
        finding.place.as_mut().expect("a place").line = if index + 1 == count { 14 } else { 100 + index };
        outcome.scenarios.push(scenario);
    }
    outcome
}

#[test]
fn what_the_change_brought_comes_first_and_the_room_of_a_comment_is_used() {
    let options = Options { width: 0, color: Color::Plain, source: &Review, comment: DEFAULT_COMMENT };
    let markdown = render(Format::Markdown, &leaking(120), &options);
    let size = markdown.encode_utf16().count();
    assert!((60_000..=65_536).contains(&size), "{size} characters");
    let lead = markdown.find("Scenario `leak-119`").expect("the one of the change");
    assert!(lead < markdown.find("| `leak-0`").expect("the table"), "{markdown}");
    assert!(markdown.contains("**Fix**: mend 119 "), "{markdown}");
    // Each has its sentence, the first ones all, and those between how to mend them.
    let headings = markdown.matches("\n#### ").count() + 1;
    let fixes = markdown.matches("**Fix**: ").count();
    let whole = markdown.matches("**Why").count();
    assert_eq!(headings, 120);
    assert!(120 > fixes && fixes > whole && whole >= 5, "{fixes} fixes, {whole} in full");
    let last_whole = markdown.rfind("**Why").expect("some");
    assert_eq!(markdown[..last_whole].matches("\n#### ").count(), whole - 1, "the first ones");
    assert!(markdown.contains("*Shortened to fit into a comment: "));
}

#[test]
fn a_summary_has_room_for_what_a_comment_has_not() {
    let options = Options { width: 0, color: Color::Plain, source: &Review, comment: DEFAULT_COMMENT };
    let outcome = leaking(60);
    let whole = leakgate::report::job_summary(&outcome, &options, 1 << 20);
    assert!(whole.len() > 65_536 && !whole.contains("*Shortened"), "{} bytes", whole.len());
    assert_eq!(whole.matches("**Why").count(), 60);
    for room in [100_000, 40_000, 5_000, 100] {
        let less = leakgate::report::job_summary(&outcome, &options, room);
        assert!(less.len() <= room, "{} of {room} bytes", less.len());
        let says = room == 100 || less.contains("*Shortened to fit into the job's summary: ");
        assert!(says, "{less}");
    }
}

#[test]
fn a_place_links_to_its_line_and_says_whether_that_is_in_the_change() {
    let options = Options { width: 0, color: Color::Plain, source: &Review, comment: DEFAULT_COMMENT };
    let markdown = render(Format::Markdown, &sample(), &options);
    let place =
        "filled at [`shop/quotes.py:14`](https://example.org/blob/abc/shop/quotes.py#L14) in `remember`";
    assert!(markdown.contains(&format!("{place} · line changed in this pull request · rule")), "{markdown}");
    let mut outcome = sample();
    let hostile = "a)b](c) <d>`|\n.py";
    outcome.scenarios[1].findings[0].place.as_mut().expect("a place").file = hostile.into();
    let markdown = render(Format::Markdown, &outcome, &options);
    let links: Vec<String> = events(&markdown)
        .into_iter()
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(links, ["https://example.org/blob/abc/a%29b%5D%28c%29%20%3Cd%3E%60%7C%0A.py#L14"]);
}
