"""What tracking costs: programs under leakgate, memray, tracemalloc and heaptrack, each beside the plain run.

Usage:
    python3 benches/compare.py --setup FOLDER [--python PYTHON]...     # once: environments with the tools that are compared
    python3 benches/compare.py --environments FOLDER [--markdown] [--rounds N] [--length FACTOR] [--only ROW] [--output FILE]

Runs are interleaved: a round runs each program once in each way. A ratio is taken inside a round, where the machine is
the same, and the table shows the median over the rounds. Times are those of all processes that a way needs. Slow tools
get a part of a row's length, beside a plain run of that length, and fewer rounds; the table says so.

`--environments` measures with each environment of `--setup`, one after the other, by running this script in it.
"""

import argparse
import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
import tables
import ways
from ways import HERE, PROGRAMS


def compiled(folder, program):
    """The program, compiled if it is in C."""
    if not program.endswith(".c"):
        return [sys.executable, str(PROGRAMS / program)]
    to = Path(folder) / program.removesuffix(".c")
    subprocess.run(["cc", "-O2", "-pthread", "-o", to, PROGRAMS / program], check=True)
    return [str(to)]


def compare(name, work_of, chosen, options, most=99):
    """For each way, the list of (plain, tracked) over the rounds. `work_of` gives the command for a length."""
    results = {way.name: [] for way in chosen}
    for number in range(min(options.rounds, most)):
        plain = {}
        for way in chosen:
            if way.share < 1 and number >= options.slow_rounds:
                continue
            work = work_of(way.share * options.length)
            if way.share not in plain:
                plain[way.share] = measure.run(work)
            results[way.name].append((plain[way.share], measure.run_in(way, work)))
        measure.say(f"{name}: round {number + 1}")
    return results


def python_rows(all_ways, options):
    chosen = [way for way in all_ways if way.name != "heaptrack"]
    results = {}
    for name, program, before, rounds in ways.ROWS:
        if options.only and options.only not in name:
            continue

        def work_of(length):
            return [sys.executable, str(PROGRAMS / program), *before, str(max(1, round(rounds * length)))]

        results[name] = compare(name, work_of, chosen, options)
    return results


def native_rows(all_ways, options, folder):
    chosen = [way for way in all_ways if way.is_for_native and (way.name != "heaptrack" or shutil.which("heaptrack"))]
    results = {}
    for name, course, pairs in ways.NATIVE_ROWS:
        if options.only and options.only not in name:
            continue
        program = compiled(folder, "pairs.c")

        def work_of(length):
            return [*program, *course, str(round(pairs * length))]

        results[name] = compare(name, work_of, chosen, options, most=3)
    return results


def memory_rows(all_ways, folder):
    """For each row: resident bytes of the plain run beyond an empty one, and what leakgate and memray add."""
    chosen = [way for way in all_ways if way.name in ("leakgate", "memray", "memray, Python allocators")]
    results = {}
    for name, program, argument in ways.MEMORY_ROWS:
        work = compiled(folder, program)
        of = [way for way in chosen if way.name == "leakgate" or not program.endswith(".c")]
        empty, plain = measure.run([*work, "1"]).memory, measure.run([*work, str(argument)]).memory
        added = {way.name: measure.run_in(way, [*work, str(argument)]).memory - plain for way in of}
        results[name] = (plain - empty, added)
        measure.say(f"memory: {name}")
    return results


def starts(all_ways, options):
    """For each row and way, the median of the seconds of the plain run and of those added: CPU, wall."""
    chosen = [way for way in all_ways if way.name in ("leakgate", "memray")]
    results = {}
    for name, code in ways.STARTS:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "start.py"
            script.write_text(code + "\n")
            work = [sys.executable, str(script)]
            rounds = [(measure.run(work), [measure.run_in(way, work) for way in chosen]) for _ in range(options.starts)]
        plain = [statistics.median(alone[index] for alone, _ in rounds) for index in (0, 1)]
        results[name] = (plain, {})
        for at, way in enumerate(chosen):
            added = [statistics.median(each[at][index] - alone[index] for alone, each in rounds) for index in (0, 1)]
            results[name][1][way.name] = added
        measure.say(f"start: {name}")
    return results


def capture_row(leakgate):
    """The bytes of a capture of 100 million allocations at 10,000 sites, and the seconds that each view of it takes."""
    with tempfile.TemporaryDirectory() as folder:
        capture = f"{folder}/capture"
        program = [sys.executable, str(PROGRAMS / "sites.py"), str(ways.CAPTURE_ROUNDS)]
        measure.run([leakgate, "run", "-q", "-o", capture, "--", *program])
        size = sum(file.stat().st_blocks * 512 for file in Path(capture).iterdir())
        views = {}
        for view in ways.VIEWS:
            to = ["-o", f"{folder}/view.svg"] if view == "flamegraph" else []
            views[view] = measure.run([leakgate, "view", view, *to, capture]).wall
        measure.say("capture")
        return size, views


def machine():
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, Linux {platform.release()}"


def versions():
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ways.PACKAGES)
    return f"CPython {platform.python_version()}, {packages}"


def set_up(folder, pythons):
    """An environment for each interpreter, with the tools that are compared."""
    for python in pythons or [sys.executable]:
        question = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(question, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        environment = Path(folder) / version
        subprocess.run([python, "-m", "venv", environment], check=True)
        subprocess.run([environment / "bin/python", "-m", "pip", "install", "--quiet", *ways.PACKAGES], check=True)
        print(f"made {environment}")


def measure_here(options):
    """All rows with this interpreter, as text."""
    load = os.getloadavg()[0]
    leakgate = str(options.leakgate.resolve())
    all_ways = ways.ways(leakgate)
    parts = [f"{versions()}; load average before the start {load:.1f}."]
    with tempfile.TemporaryDirectory() as folder:
        rows = python_rows(all_ways, options)
        if rows:
            parts += [tables.ratios(rows, 0, "CPU time", options), tables.ratios(rows, 1, "wall time", options)]
        if not options.python_only:
            native = native_rows(all_ways, options, folder)
            if native:
                parts += [tables.ratios(native, 0, "CPU time", options), tables.ratios(native, 1, "wall time", options)]
        if not options.only:
            parts += [tables.memory(memory_rows(all_ways, folder)), tables.starts(starts(all_ways, options))]
        if not options.only and not options.python_only:
            parts.append(tables.capture(*capture_row(leakgate)))
    return "\n\n".join(parts)


def measure_each(options):
    """All rows in each environment, by this script run in it. What needs no interpreter is measured with the last."""
    environments = sorted(Path(options.environments).glob("*/bin/python"), key=lambda path: float(path.parts[-3]))
    if not environments:
        sys.exit(f"{options.environments} has no environments: see --setup")
    parts = [machine() + "."]
    for python in environments:
        command = [python, __file__, "--rounds", str(options.rounds), "--slow-rounds", str(options.slow_rounds)]
        command += ["--length", str(options.length), "--leakgate", options.leakgate, "--starts", str(options.starts)]
        command += ["--only", options.only] if options.only else []
        command += ["--python-only"] if python != environments[-1] else []
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        parts += [f"## CPython {python.parts[-3]}", told.strip()]
    return "\n\n".join(parts)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", metavar="FOLDER", help="make environments with the tools that are compared, and end")
    parser.add_argument("--python", action="append", help="with --setup: an interpreter to make an environment of")
    parser.add_argument("--environments", metavar="FOLDER", help="measure with each of the environments of --setup")
    parser.add_argument("--leakgate", default=HERE.parent / "target/release/leakgate", type=Path, help="the program")
    parser.add_argument("--rounds", default=5, type=int, help="how often each run is repeated (default: 5)")
    parser.add_argument("--slow-rounds", default=1, type=int, help="the same of what gets a part of a row (default: 1)")
    parser.add_argument("--starts", default=11, type=int, help="how often each start is repeated (default: 11)")
    parser.add_argument("--length", default=1.0, type=float, help="factor on the rows' length (default: 1.0, 5 seconds)")
    parser.add_argument("--only", help="the rows whose name contains this")
    parser.add_argument("--python-only", action="store_true", help="leave out what needs no interpreter")
    parser.add_argument("--markdown", type=Path, nargs="?", const=HERE.parent / "docs/benchmarks.md",
                        help="put the figures into this file, between its marks (default: docs/benchmarks.md)")
    parser.add_argument("--output", type=Path, help="a file for the figures; else they are printed")
    options = parser.parse_args()
    if min(options.rounds, options.slow_rounds, options.starts) < 1 or options.length <= 0:
        parser.error("rounds must be at least 1, --length above 0")
    return options


def check_tools(leakgate, packages):
    """Says what is missing before anything is run."""
    if not leakgate.is_file():
        sys.exit(f"{leakgate} is missing: build it with `cargo build --release`, or name it with --leakgate")
    for package in packages:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            sys.exit(f"{package} is missing: see --setup")


def main():
    options = arguments()
    if options.setup:
        return set_up(options.setup, options.python)
    if options.environments:
        text = measure_each(options)
    else:
        check_tools(options.leakgate, ways.PACKAGES)
        text = measure_here(options)
    if options.markdown:
        tables.put_into(options.markdown, text)
    elif options.output:
        options.output.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
