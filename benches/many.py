"""What a scenario costs beside its work: many short ones in one check, against the plain start of the interpreter.

    python3 benches/many.py [--count 1000] [--jobs N] [--python python3.11] [--rounds 3]

Each scenario calls a function once that takes 10 ms. The goal: not more than 1.3 times (plain start + 30 ms) each, spread
over the jobs.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

from measure import run, say

GOAL = 1.3
WORK = 0.010
ALLOWED = 0.030
APP = f"import time\ndef work():\n    time.sleep({WORK})\n"


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="scenarios")
    parser.add_argument("--jobs", type=int, default=max(1, len(os.sched_getaffinity(0)) // 2))
    parser.add_argument("--python", default="python3", help="the interpreter of the scenarios")
    parser.add_argument("--rounds", type=int, default=3)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--leakgate", default=root / "target/release/leakgate")
    return parser.parse_args()


def write_project(folder, python, count):
    lines = ["version: 1", f"python: {python}", "defaults: { iterations: 1, warmup: 0 }", "scenarios:"]
    lines += [f'  s{index:04}: {{ call: "app:work" }}' for index in range(count)]
    (folder / "leakgate.yaml").write_text("\n".join(lines) + "\n")
    (folder / "app.py").write_text(APP)


def plain_start(python, rounds):
    """Seconds from the start of the interpreter to its end, with nothing to do; the median of many."""
    return statistics.median(run([python, "-c", "pass"]).wall for _ in range(10 * rounds))


def main():
    chosen = options()
    python = shutil.which(chosen.python) or sys.exit(f"no interpreter {chosen.python}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_project(folder, python, chosen.count)
        config = folder / "leakgate.yaml"
        check = [chosen.leakgate, "check", "--config", config, "--jobs", str(chosen.jobs)]
        say(f"load average {os.getloadavg()[0]:.1f}, {chosen.count} scenarios, {chosen.jobs} at a time")
        print("| plain start | a scenario | of it CPU | goal | ratio to plain start + 30 ms |")
        print("|---|---|---|---|---|")
        for _ in range(chosen.rounds):
            before = plain_start(python, 1)
            taken = run(check)
            plain = statistics.median([before, plain_start(python, 1)])
            each = taken.wall * chosen.jobs / chosen.count
            cpu = taken.cpu / chosen.count
            goal = GOAL * (plain + ALLOWED)
            figures = [f"{1000 * seconds:.1f} ms" for seconds in (plain, each, cpu, goal)]
            print(f"| {' | '.join(figures)} | {each / (plain + ALLOWED):.2f} |", flush=True)


main()
