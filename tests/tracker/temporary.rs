//! Temporary blocks: freed by the thread that allocated them, before its next allocation.

use std::process::Command;

use leakgate::profile::model::{Amount, Profile, Site};

use crate::harness::{Program, amount, symbol};
use crate::python;

fn temporary(profile: &Profile, is_meant: impl Fn(&Site) -> bool) -> Amount {
    profile.sites.iter().filter(|site| is_meant(site)).map(|site| site.temporary).sum()
}

#[test]
fn temporary_blocks_of_c_are_counted_by_site() {
    let recording = Program::of("temporary").record(&[]);
    let profile = recording.first();
    let of = |function: &str| temporary(profile, |site| symbol(profile, site) == function);
    assert_eq!(of("pair"), amount(1_000, 10));
    assert_eq!((of("first"), of("second")), (amount(0, 0), amount(200, 10)));
    assert_eq!(of("grow"), amount(6_000, 3));
    assert_eq!(of("not_after_all"), amount(70, 1));
    assert_eq!((of("kept"), of("stays")), (amount(0, 0), amount(0, 0)));
    assert_eq!((of("map"), of("map_in_parts")), (amount(3 * 4096, 1), amount(0, 0)));
    // One of two: the other thread freed the second. Its own block is the last that it allocated.
    assert_eq!((of("given"), of("of_other")), (amount(60, 1), amount(50, 1)));
    let of_program = temporary(profile, |site| !symbol(profile, site).is_empty());
    assert_eq!(profile.totals.temporary, of_program);
    assert_eq!(of_program.blocks, 10 + 10 + 3 + 1 + 1 + 2);
}

const SPIKES: &str = "\
kept = []
def spike():
    bytes(100000)
def keep():
    kept.append(bytes(1000))
for _ in range(100): spike()
for _ in range(50): keep()
";

#[test]
fn temporary_objects_of_python_are_counted_by_line() {
    for python in python::all() {
        let recording = python.run(&["-c", SPIKES]).record().ended_well();
        let profile = recording.first();
        let of = |function: &str| {
            temporary(profile, |site| {
                let top = profile.frames_of(site.stack).next().map(python::place).unwrap_or_default();
                site.allocator.name == "PyObject_Calloc" && top.starts_with(function)
            })
        };
        assert_eq!(of("spike "), amount(100 * 100_033, 100), "{python}");
        assert_eq!(of("keep "), amount(0, 0), "{python}");
    }
}

#[test]
fn the_statistics_and_the_flame_graph_show_them() {
    // It has the names of its functions: it must still be there when the view looks for them.
    let program = Program::of("temporary");
    let recording = program.record(&[]);
    let view = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakgate"));
        let output = command.arg("view").args(arguments).arg(recording.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = view(&["stats"]);
    assert!(text.contains("top sites by temporary allocations, since the start"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&view(&["stats", "--json"])).unwrap();
    let totals = recording.first().totals;
    assert_eq!(json["temporary"]["blocks"], totals.temporary.blocks);
    assert_eq!(json["temporary"]["bytes"], totals.temporary.bytes);
    let top = &json["temporary"]["sites"][0];
    assert_eq!((&top["bytes"], &top["blocks"]), (&1_000.into(), &10.into()));
    assert_eq!(top["stack"][0]["symbol"], "pair");
    let image = recording.path().join("temporary.svg");
    let drawn = view(&["flamegraph", "--temporary", "--json", "-o", image.to_str().unwrap()]);
    let drawn: serde_json::Value = serde_json::from_str(&drawn).unwrap();
    assert_eq!(
        (&drawn["at"], &drawn["live"]["blocks"]),
        (&"temporary".into(), &totals.temporary.blocks.into())
    );
    let image = std::fs::read_to_string(image).unwrap();
    assert!(image.contains("temporary, since the start") && image.contains("pair"));
}
