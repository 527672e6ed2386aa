"""What judging costs: a function of 100 ms, in a program that keeps 200,000 containers alive.

Usage:
    python3 benches/judging.py [--python VERSION_OR_PATH]... [--rounds N] [--leakgate PATH]

The function itself takes the processor's time at its beginning and at its end: what lies between two calls is the checkpoint, the
collection, the look at containers. The share is that time over the time inside of calls; the tracker's own cost inside of
calls is in benches/compare.py. Medians of the rounds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from corpus import find_python  # noqa: E402  (beside this file)

CONTAINERS = 200_000
SECONDS = 0.1
PROGRAM = f"""
import array, json, time

LIVE = [[number] for number in range({CONTAINERS})]
# Made at once: what grows with the calls would be a leak.
TIMES, CALLS = array.array("d", bytes(16 * 10_240)), [0]

def work():
    begin = time.process_time()
    rows = []
    while time.process_time() - begin < {SECONDS}:
        rows.append({{"number": len(rows)}})
        if len(rows) > 1000:
            rows.clear()
    at = 2 * CALLS[0]
    TIMES[at], TIMES[at + 1] = begin, time.process_time()
    CALLS[0] += 1

def done():
    begins, ends = TIMES[: 2 * CALLS[0] : 2], TIMES[1 : 2 * CALLS[0] : 2]
    inside = sum(ends) - sum(begins)
    with open("times.json", "w") as file:
        json.dump([CALLS[0], inside, ends[-1] - begins[0] - inside], file)
"""


def measured(leakgate, python, folder):
    (folder / "work.py").write_text(PROGRAM)
    config = {"version": 1, "python": python.path, "scenarios": {"work": {"call": "work:work", "teardown": "work:done"}}}
    (folder / "leakgate.yaml").write_text(json.dumps(config))
    run = subprocess.run([leakgate, "check"], cwd=folder, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"the check failed: {run.stdout}{run.stderr}")
    calls, inside, between = json.loads((folder / "times.json").read_text())
    return calls, between / inside


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", metavar="VERSION", help="a version or a path; by default 3.9, 3.11, 3.13")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--leakgate", type=Path, default=Path(__file__).resolve().parent.parent / "target/release/leakgate")
    options = parser.parse_args()
    print("| CPython | calls | judging, share of the calls' own time |\n|---|---|---|")
    for python in map(find_python, options.python or ["3.9", "3.11", "3.13"]):
        rounds = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                rounds.append(measured(options.leakgate.resolve(), python, Path(folder)))
        calls = [calls for calls, _ in rounds]
        shares = [share * 100 for _, share in rounds]
        print(f"| {python.version} | {min(calls)}–{max(calls)} | {statistics.median(shares):.1f} % ({min(shares):.1f}–{max(shares):.1f}) |", flush=True)


main()
