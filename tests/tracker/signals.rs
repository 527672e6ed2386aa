//! Signal handlers that allocate, wherever they interrupt.

use crate::harness::{Program, amount, of_function};

const TIMES: u64 = 500;

#[test]
fn what_a_signal_handler_allocates_is_exact_whatever_it_interrupts() {
    let program = Program::of("signals");
    for what in ["nothing", "mappings", "blocks"] {
        let recording = program.record(&[what]);
        let profile = recording.first();
        let made = of_function(profile, "in_handler");
        assert_eq!(made.total, amount(48 * (10 * TIMES + 1), 10 * TIMES + 1), "{what}");
        assert_eq!(made.end, amount(48, 1), "{what}");
        let rounds: u64 = recording.stdout().trim().parse().unwrap();
        let mapped = of_function(profile, "mapped");
        let expected = if what == "mappings" { amount(8192 * rounds, rounds) } else { amount(0, 0) };
        assert_eq!((mapped.total, mapped.end), (expected, amount(0, 0)), "{what}");
        let between = of_function(profile, "between");
        assert_eq!(between.total.blocks, if what == "blocks" { rounds } else { 0 }, "{what}");
        assert_eq!(between.end, amount(0, 0), "{what}");
    }
}
