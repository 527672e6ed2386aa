"""Whether the same scenario gives the same figures: many runs of the same check, compared.

Usage:
    python3 benches/repeat.py [--runs N] [--load N] [--kind given|auto] [--python VERSION_OR_PATH] [--leakgate PATH]

Runs programs of one thread with a given number of iterations and with as many as leakgate itself takes, leaking and healthy ones.
Of a given number of iterations all bytes and blocks must be identical in all runs; the verdicts must be in both. `--load` keeps so
many processes busy meanwhile. Exit code 1 if something differs that must not.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from corpus import CORPUS, find_python  # noqa: E402  (beside this file)

GIVEN = {"warmup": 100, "iterations": 200}
PROGRAM = """
import collections, functools, json

SEEN, ROWS, COUNT = [], [], [0]

def leak():
    SEEN.append([1] * 100)

def every_tenth():
    COUNT[0] += 1
    if COUNT[0] % 10 == 0:
        SEEN.append(bytes(200))

def sawtooth():
    ROWS.append(json.loads('{"a": [1, 2, 3], "b": {"c": "d"}}'))
    if len(ROWS) == 13:
        ROWS.clear()

@functools.lru_cache(maxsize=50)
def square(number):
    return [number] * 10

def cache():
    COUNT[0] += 1
    square(COUNT[0])

def quiet():
    collections.Counter("some words of a text".split())
"""
FUNCTIONS = ["leak", "every_tenth", "sawtooth", "cache", "quiet"]


def project(folder, python, kind):
    (folder / "program.py").write_text(PROGRAM)
    scenarios = {}
    for name in FUNCTIONS:
        both = {"given": GIVEN, "auto": {}}
        chosen = {word: more for word, more in both.items() if kind in (word, "both")}
        scenarios.update({f"{name}-{word}": {"call": f"program:{name}", **more} for word, more in chosen.items()})
    config = {"version": 1, "python": python.path, "scenarios": scenarios}
    (folder / "leakgate.yaml").write_text(json.dumps(config))


def figures(scenario):
    """All that must be the same: verdict, figures, growth, findings."""
    findings = [(each["rule"], each["title"], each["rate"], each["series"]) for each in scenario["findings"]]
    # The resident set is the kernel's.
    measured = {each["name"]: each["measured"] for each in scenario["figures"] if each["name"] != "rss"}
    return json.dumps([measured, scenario["growth"], findings], sort_keys=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--load", type=int, default=0)
    parser.add_argument("--kind", choices=["given", "auto", "both"], default="both", help="which numbers of iterations")
    parser.add_argument("--python", default="3.11")
    parser.add_argument("--leakgate", type=Path, default=CORPUS.parent.parent / "target/release/leakgate")
    options = parser.parse_args()
    python = find_python(options.python)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.load)]
    verdicts, given, automatic = (collections.defaultdict(collections.Counter) for _ in range(3))
    try:
        with tempfile.TemporaryDirectory() as folder:
            project(Path(folder), python, options.kind)
            for _ in range(options.runs):
                command = [options.leakgate.resolve(), "check", "--format", "json"]
                run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
                for scenario in json.loads(run.stdout)["scenarios"]:
                    verdicts[scenario["name"]][scenario["verdict"]] += 1
                    kind = given if scenario["name"].endswith("-given") else automatic
                    kind[scenario["name"]][figures(scenario)] += 1
    finally:
        for process in busy:
            process.kill()
    print(f"CPython {python.version}, {options.runs} runs, {options.load} busy processes beside it\n")
    print("| scenario | verdicts | runs with the same figures |\n|---|---|---|")
    for name, seen in verdicts.items():
        same = (given if name in given else automatic)[name].most_common(1)[0][1]
        shown = ", ".join(f"{verdict} ×{count}" for verdict, count in seen.items())
        print(f"| {name} | {shown} | {same} of {options.runs} |")
    differs = any(len(seen) > 1 for seen in [*verdicts.values(), *given.values()])
    return 1 if differs else 0


sys.exit(main())
