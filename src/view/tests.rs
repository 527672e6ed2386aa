//! All views on the canonical profile: their whole output, their promises, and what no profile may do to them.

use std::path::PathBuf;

use insta::assert_snapshot;
use quick_xml::events::Event;

use super::flamegraph::FlameError;
use super::moment::{At, Options, Size, Threads};
use super::screen::{Colour, Screen};
use super::text::width;
use super::{View, flamegraph, stats, summary, table, tree};
use crate::profile::sample::{Builder, native, profile, python};
use crate::profile::{Allocator, Domain, Frame, Profile, StackId};

const OBJECT: Allocator = Allocator { name: "PyObject_Malloc", domain: Domain::PythonObject };

fn folder() -> PathBuf {
    PathBuf::from("/srv/app")
}

fn printed(view: &impl View, screen: &Screen) -> String {
    let mut out = Vec::new();
    view.print(screen, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json(view: &impl View) -> String {
    serde_json::to_string_pretty(view).unwrap()
}

fn apart() -> Options {
    Options { threads: Threads::Apart, ..Options::default() }
}

/// Takes the view of that name and does the same with each.
macro_rules! each_view {
    ($profile:expr, $options:expr, |$name:ident, $view:ident| $body:expr) => {{
        let (profile, options) = ($profile, $options);
        each_view!(@one "summary", summary::of(profile, &options), $name, $view, $body);
        each_view!(@one "table", table::of(profile, &options), $name, $view, $body);
        each_view!(@one "tree", tree::of(profile, &options), $name, $view, $body);
        each_view!(@one "stats", stats::of(profile, &options, &folder()), $name, $view, $body);
    }};
    (@one $text:literal, $taken:expr, $name:ident, $view:ident, $body:expr) => {{
        let ($name, $view) = ($text, $taken);
        $body
    }};
}

fn snapshots(check: impl FnOnce()) {
    insta::with_settings!({ snapshot_path => "../../tests/snapshots/view", prepend_module_to_snapshot => false, omit_expression => true }, { check() });
}

#[test]
fn each_view_prints_the_canonical_profile_at_80_and_120_columns_and_into_a_pipe() {
    let screens = [
        ("80", Screen::terminal(80, folder())),
        ("120", Screen::terminal(120, folder())),
        ("pipe", Screen::pipe(folder())),
    ];
    let profile = profile();
    snapshots(|| {
        for (screen_name, screen) in screens {
            each_view!(&profile, Options::default(), |name, view| {
                assert_snapshot!(format!("{name}-{screen_name}"), printed(&view, &screen));
            });
        }
    });
}

#[test]
fn each_view_prints_the_end_with_threads_apart_and_a_limit() {
    let options = Options { at: At::End, threads: Threads::Apart, limit: Some(4) };
    let profile = profile();
    let screen = Screen::terminal(100, folder());
    snapshots(|| {
        each_view!(&profile, options, |name, view| {
            assert_snapshot!(format!("{name}-end-threads-4"), printed(&view, &screen));
        });
    });
}

#[test]
fn each_view_has_versioned_json() {
    let profile = profile();
    let options = Options { limit: Some(3), ..Options::default() };
    snapshots(|| {
        each_view!(&profile, options, |name, view| assert_snapshot!(format!("{name}-json"), json(&view)));
    });
}

#[test]
fn each_view_prints_an_empty_profile() {
    let empty = Profile::default();
    let screen = Screen::pipe(folder());
    snapshots(|| {
        each_view!(&empty, Options::default(), |name, view| {
            assert_snapshot!(format!("{name}-empty"), printed(&view, &screen));
        });
    });
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let profile = profile();
    for columns in [80, 100, 120, 200] {
        let screen = Screen::terminal(columns, folder());
        for options in [Options::default(), apart()] {
            each_view!(&profile, options, |name, view| {
                for line in printed(&view, &screen).lines().filter(|line| !line.starts_with("n")) {
                    assert!(width(line) <= columns, "{name} at {columns}: {line}");
                }
            });
        }
    }
}

#[test]
fn a_tree_fits_a_narrow_terminal_however_much_is_cut() {
    let profile = profile();
    for (columns, limit) in
        [60, 70, 80].into_iter().flat_map(|columns| (1..20).map(move |limit| (columns, limit)))
    {
        let tree = tree::of(&profile, &Options { limit: Some(limit), ..Options::default() });
        for line in printed(&tree, &Screen::terminal(columns, folder()))
            .lines()
            .skip(2)
            .filter(|line| !line.starts_with("n"))
        {
            assert!(width(line) <= columns, "{limit} at {columns}: {line}");
        }
    }
}

#[test]
fn a_pipe_gets_no_box_drawing_and_only_the_program_s_own_text_is_not_ascii() {
    let profile = profile();
    let screen = Screen::pipe(folder());
    each_view!(&profile, Options::default(), |name, view| {
        for line in printed(&view, &screen).lines() {
            let theirs = line.contains("größe") || line.contains("wörker") || line.contains("módulo");
            assert!(theirs || line.is_ascii(), "{name}: {line}");
        }
    });
}

#[test]
fn nothing_that_steers_a_terminal_comes_through() {
    let profile = profile();
    each_view!(&profile, apart(), |name, view| {
        for text in [
            printed(&view, &Screen::pipe(folder())),
            printed(&view, &Screen::terminal(80, folder())),
            json(&view),
        ] {
            let steers = |c: &char| {
                (c.is_control() && *c != '\n')
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            };
            assert_eq!(text.chars().find(steers), None, "{name}");
        }
    });
}

#[test]
fn colours_are_only_printed_where_they_are_allowed() {
    let profile = profile();
    let plain = Screen::terminal(80, folder());
    let coloured = Screen { colour: Colour::Ansi, ..plain.clone() };
    each_view!(&profile, Options::default(), |name, view| {
        let (plain, coloured) = (printed(&view, &plain), printed(&view, &coloured));
        assert!(coloured.contains("\x1b[1m"), "{name}");
        let codes = regex::Regex::new("\x1b\\[[0-9]+m").unwrap();
        assert_eq!(codes.replace_all(&coloured, ""), plain, "{name}");
    });
}

#[test]
fn recursion_counts_once_in_a_function_s_total() {
    let view = summary::of(&profile(), &Options { limit: Some(1000), ..Options::default() });
    let walk = view.functions.iter().find(|row| row.place.name() == "walk").unwrap();
    assert_eq!(walk.own, Size { bytes: 6_000, blocks: 6 });
    assert_eq!(walk.total, walk.own);
    let main = view.functions.iter().find(|row| row.place.name() == "main").unwrap();
    // Everything below main: the lists, the walk, json, the model.
    let below = 725_760 + 80_640 + 5_040 + 920 + 6_000 + 64 + 12_582_912 + 65_536 + 2_097_152;
    assert_eq!((main.own.bytes, main.total.bytes), (0, below));
}

#[test]
fn own_figures_add_up_to_all_that_is_live_whatever_the_limit() {
    let profile = profile();
    for limit in [1, 3, 7, 1000] {
        for options in
            [Options { limit: Some(limit), ..Options::default() }, Options { limit: Some(limit), ..apart() }]
        {
            let live = Size::from(profile.totals.peak);
            let view = summary::of(&profile, &options);
            assert_eq!(view.functions.iter().map(|row| row.own).chain([view.more.own]).sum::<Size>(), live);
            let view = table::of(&profile, &options);
            assert_eq!(view.sites.iter().map(|row| row.size).chain([view.more.size]).sum::<Size>(), live);
            let view = tree::of(&profile, &options);
            let own = view.branches.iter().flat_map(|branch| [branch.own, branch.more.size]);
            assert_eq!(own.chain([view.more.size]).sum::<Size>(), live);
        }
    }
}

#[test]
fn the_order_of_the_sites_does_not_change_a_view() {
    let (forwards, mut backwards) = (profile(), profile());
    backwards.sites.reverse();
    for options in [Options::default(), apart()] {
        let mut expected = Vec::new();
        each_view!(&forwards, options, |_name, view| expected.push(json(&view)));
        let mut got = Vec::new();
        each_view!(&backwards, options, |_name, view| got.push(json(&view)));
        assert_eq!(expected, got);
    }
}

#[test]
fn equal_sites_are_ordered_by_name() {
    let mut builder = Builder::new(&[("main", 1)]);
    for name in ["c", "a", "b"] {
        builder.site(&[python(name, "/x.py", 1)], OBJECT, 0, [(10, 1); 3]);
    }
    let view = table::of(&builder.build(), &Options::default());
    let names: Vec<String> = view.sites.iter().map(|row| row.innermost().name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

fn deep(frames: u32) -> Profile {
    let mut builder = Builder::new(&[("main", 1)]);
    let stack: Vec<Frame> =
        (0..frames).map(|at| python(["even", "odd"][at as usize % 2], "/srv/app/deep.py", at)).collect();
    for depth in [frames / 2, frames] {
        builder.site(&stack[..depth as usize], OBJECT, 0, [(100, 1); 3]);
    }
    builder.site(&vec![python("fib", "/srv/app/fib.py", 3); frames as usize], OBJECT, 0, [(50, 1); 3]);
    builder.build()
}

#[test]
fn stacks_of_a_hundred_thousand_frames_are_shown_without_recursion() {
    let profile = deep(100_000);
    let screen = Screen::terminal(100, folder());
    each_view!(&profile, Options::default(), |name, view| {
        let text = printed(&view, &screen);
        assert!(text.contains("fib"), "{name}: {text}");
        assert!(json(&view).len() < 1_000_000, "{name}");
    });
    let (drawn, image) = draw(&profile, &Options::default()).unwrap();
    assert!(drawn.folded && drawn.frames <= 401, "{}", drawn.frames);
    assert!(frames_of(&image).contains(&"all (250 bytes, 100%)".to_string()));
}

#[test]
fn a_long_chain_is_one_line_with_its_first_and_its_last_call() {
    let text = printed(&tree::of(&deep(1000), &Options::default()), &Screen::terminal(100, folder()));
    assert_snapshot!(text, @r"
    (unknown command) (pid 0, did not reach its own exit)
    250 B in 3 blocks live at the peak

         bytes   share     blocks  branch
         200 B   80.0%          2  even deep.py → …497… → even deep.py:498 → odd deep.py:499  own 100 B
         100 B   40.0%          1  └─ even deep.py:500 → …497… → even deep.py:998 → odd deep.py:999
          50 B   20.0%          1  fib fib.py:3 → …996… → fib fib.py:3 → fib fib.py:3 → fib fib.py:3
    ");
}

#[test]
fn the_import_systems_frames_between_two_modules_are_one_call_of_the_tree() {
    let bootstrap = |line| python("_find_and_load", "<frozen importlib._bootstrap>", line);
    let external = python("get_code", "<frozen importlib._bootstrap_external>", 991);
    let (app, shop) = (python("<module>", "/srv/app/app.py", 1), python("<module>", "/srv/app/shop.py", 7));
    let mut builder = Builder::new(&[("main", 1)]);
    builder.site(&[app.clone(), bootstrap(1), external.clone(), shop.clone()], OBJECT, 0, [(100, 1); 3]);
    builder.site(&[app.clone(), bootstrap(2), shop], OBJECT, 0, [(30, 1); 3]);
    builder.site(&[app, bootstrap(1), external], OBJECT, 0, [(20, 1); 3]);
    let text = printed(&tree::of(&builder.build(), &Options::default()), &Screen::terminal(100, folder()));
    assert_snapshot!(text, @r"
    (unknown command) (pid 0, did not reach its own exit)
    150 B in 3 blocks live at the peak

         bytes   share     blocks  branch
         150 B  100.0%          3  <module> app.py:1 → (import)  own 20 B
         130 B   86.7%          2  └─ <module> shop.py:7
    ");
}

#[test]
fn a_damaged_profile_gives_wrong_figures_and_no_panic() {
    let mut damaged = profile();
    damaged.stacks[1].caller = StackId(2);
    damaged.stacks[2].caller = StackId(1);
    damaged.stacks[3].caller = StackId(4_000_000);
    damaged.stacks[4].frame.0 = 4_000_000;
    damaged.sites[0].stack = StackId(5_000_000);
    damaged.sites[1].thread.0 = 77;
    damaged.sites[2].peak.bytes = u64::MAX;
    damaged.histogram = vec![1; 80];
    for options in [Options::default(), apart()] {
        each_view!(&damaged, options, |_name, view| {
            printed(&view, &Screen::terminal(80, folder()));
            json(&view);
        });
        assert!(matches!(draw(&damaged, &options), Err(FlameError::Damaged)));
    }
}

fn draw(profile: &Profile, options: &Options) -> Result<(flamegraph::Drawn, String), FlameError> {
    let mut image = Vec::new();
    let drawn = flamegraph::draw(profile, options, &folder(), &mut image)?;
    Ok((drawn, String::from_utf8(image).unwrap()))
}

/// The texts of all `<title>`s, in the order of the file; fails where the file is not well-formed.
fn frames_of(image: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(image);
    reader.config_mut().check_end_names = true;
    let (mut titles, mut inside, mut open) = (Vec::new(), false, 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(start) => {
                open += 1;
                inside = start.name().as_ref() == b"title";
                if inside {
                    titles.push(String::new());
                }
            }
            Event::End(_) => (open, inside) = (open - 1, false),
            Event::Text(text) if inside => titles.last_mut().unwrap().push_str(&text.decode().unwrap()),
            Event::GeneralRef(entity) if inside => {
                titles.last_mut().unwrap().push_str(match entity.decode().unwrap().as_ref() {
                    "lt" => "<",
                    "gt" => ">",
                    "amp" => "&",
                    "quot" => "\"",
                    "apos" => "'",
                    other => panic!("unknown entity {other}"),
                });
            }
            _ => {}
        }
    }
    assert_eq!(open, 0, "all elements are closed");
    titles
}

#[test]
fn the_flame_graph_has_every_frame_with_its_bytes() {
    let (drawn, image) = draw(&profile(), &Options::default()).unwrap();
    let frames = frames_of(&image);
    // Beside the frames: `all`, and what is too small to be drawn at its top level.
    assert_eq!((frames.len(), drawn.frames, drawn.too_small), (20, 18, 5));
    snapshots(|| assert_snapshot!("flamegraph-frames", frames.join("\n")));
}

#[test]
fn the_flame_graph_keeps_threads_apart_and_the_biggest_frames_of_a_limit() {
    let (drawn, image) = draw(&profile(), &Options { limit: Some(6), ..apart() }).unwrap();
    assert_eq!(drawn.frames, 6);
    assert_snapshot!(frames_of(&image).join("\n"), @r"
    (too small to be drawn) (94,896 bytes, 0.58%)
    sqlite3MemMalloc (libsqlite3.so.0.8.6) (12,582,912 bytes, 77.08%)
    all (16,325,240 bytes, 100%)
    thread main (16,230,344 bytes, 99.42%)
    <module> (main.py:40) (15,477,320 bytes, 94.81%)
    main (main.py:31) (15,477,320 bytes, 94.81%)
    load_model_from_database_into_memory (shop/model.py:88) (14,745,600 bytes, 90.32%)
    _fast.so+0x1f40 (2,162,688 bytes, 13.25%)
    ");
}

#[test]
fn the_flame_graph_is_the_same_every_time_and_needs_nothing_beside_it() {
    let (_, image) = draw(&profile(), &Options::default()).unwrap();
    assert_eq!(image, draw(&profile(), &Options::default()).unwrap().1);
    for fetched in ["<link", "<image", "@import", "url(http", "href=\"http", "src="] {
        assert!(!image.contains(fetched), "{fetched}");
    }
    assert!(image.contains("function search"), "the script is inside");
    assert_eq!(image.matches("</script>").count(), 1, "a name cannot end the script");
}

#[test]
fn there_is_no_flame_graph_of_nothing() {
    let message = draw(&Profile::default(), &Options::default()).unwrap_err().to_string();
    assert_snapshot!(message, @"no memory was live at the peak: there is nothing to draw; the other moment is `--at end`");
}

#[test]
fn a_frame_is_coloured_by_its_language() {
    let mut builder = Builder::new(&[("main", 1)]);
    builder.site(&[python("p", "/x.py", 1), native("n", "/l.so", 1)], OBJECT, 0, [(10, 1); 3]);
    let (_, image) = draw(&builder.build(), &Options::default()).unwrap();
    let fills: Vec<&str> =
        image.split("fill=\"rgb(").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    let channels: Vec<Vec<u8>> =
        fills.iter().map(|fill| fill.split(',').map(|c| c.parse().unwrap()).collect()).collect();
    // Black is the texts.
    let coloured: Vec<&Vec<u8>> =
        channels.iter().filter(|channels| channels.iter().any(|c| *c > 0)).collect();
    let [grey, blue, orange] = coloured.as_slice() else { panic!("{channels:?}") };
    assert!(orange[0] > orange[2] && blue[2] > blue[0] && grey[0] == grey[2]);
}
