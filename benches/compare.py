"""What tracking costs: programs under leakgate, memray and tracemalloc, each beside the plain run.

Usage:
    python3 benches/compare.py --setup FOLDER                     # once: an environment with memray and numpy
    FOLDER/bin/python benches/compare.py [--leakgate PATH] [--rounds N] [--length FACTOR] [--only ROW] [--output FILE]

Runs are interleaved: a round runs each program once in each way. A ratio is taken inside a round, where the machine is
the same, and the table shows the median over the rounds. Times are those of all processes that a way needs.
"""

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ["memray", "numpy"]
# Rounds that take about a second on the machine of docs/benchmarks.md.
ROWS = [
    ("calls only", "fib.py", 80),
    ("small-object trees", "trees.py", 140),
    ("json round trips", "round_trips.py", 170),
    ("numpy steps", "arrays.py", 6000),
    ("4 threads, small dicts", "threads.py", 500),
]


def ways(leakgate):
    """Name, and the command line that runs a program in that way with results in a folder."""
    python = sys.executable
    memray = [python, "-m", "memray", "run", "-q", "-f"]
    return {
        "plain": lambda work, folder: [python, *work],
        "leakgate": lambda work, folder: [leakgate, "run", "-q", "-o", f"{folder}/capture", "--", python, *work],
        "memray": lambda work, folder: [*memray, "-o", f"{folder}/out.bin", *work],
        "memray, Python allocators": lambda work, folder: [
            *memray, "--trace-python-allocators", "-o", f"{folder}/out.bin", *work
        ],
        "tracemalloc, 1 frame": lambda work, folder: [python, "-X", "tracemalloc=1", *work],
        "tracemalloc, 25 frames": lambda work, folder: [python, "-X", "tracemalloc=25", *work],
    }


def measure(command):
    """CPU and wall seconds of a command and of all that it waits for."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            told = errors.read().decode(errors="replace")
            sys.exit(f"failed with exit code {process.returncode}: {' '.join(command)}\n{told}")
    return usage.ru_utime + usage.ru_stime, wall


def run_rounds(row, commands, options):
    """For each way, the list of (CPU, wall) over the rounds."""
    name, program, rounds = row
    work = [str(HERE / "programs" / program), str(max(1, round(rounds * options.length)))]
    times = {way: [] for way in commands}
    for number in range(options.rounds):
        for way, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                times[way].append(measure(command(work, folder)))
        print(f"{name}: round {number + 1} of {options.rounds}", file=sys.stderr)
    return times


def ratio(times, way, index):
    """The median over the rounds of a way's time by the plain run's time of the same round."""
    return statistics.median(
        tracked[index] / plain[index] for tracked, plain in zip(times[way], times["plain"])
    )


def table(results, index, unit):
    """A Markdown table of ratios; `index` 0 for CPU time, 1 for wall time."""
    names = [way for way in next(iter(results.values())) if way != "plain"]
    lines = [f"| {unit}, × plain | plain | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for row, times in results.items():
        plain = statistics.median(time[index] for time in times["plain"])
        cells = [f"{ratio(times, way, index):.2f}" for way in names]
        lines.append(f"| {row} | {plain:.2f} s | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine():
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, Linux {platform.release()}, CPython {platform.python_version()}, {versions}"


def set_up(folder):
    """An environment with the tools that are compared."""
    venv.create(folder, with_pip=True)
    python = Path(folder) / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    print(f"now run: {python} benches/compare.py")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", metavar="FOLDER", help="make an environment with memray and numpy, and end")
    parser.add_argument("--leakgate", default=HERE.parent / "target/release/leakgate", type=Path, help="the program")
    parser.add_argument("--rounds", default=5, type=int, help="how often each run is repeated (default: 5)")
    parser.add_argument("--length", default=1.0, type=float, help="factor on the programs' length (default: 1.0)")
    parser.add_argument("--only", help="the rows whose name contains this")
    parser.add_argument("--output", type=Path, help="a file for the tables; else they are printed")
    options = parser.parse_args()
    if options.rounds < 1 or options.length <= 0:
        parser.error("--rounds must be at least 1, --length above 0")
    return options


def check_tools(leakgate):
    """Says what is missing before anything is run."""
    if not leakgate.is_file():
        sys.exit(f"{leakgate} is missing: build it with `cargo build --release`, or name it with --leakgate")
    for package in PACKAGES:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            sys.exit(f"{package} is missing: see --setup")


def main():
    options = arguments()
    if options.setup:
        return set_up(options.setup)
    check_tools(options.leakgate)
    rows = [row for row in ROWS if not options.only or options.only in row[0]]
    if not rows:
        sys.exit(f"no row contains {options.only!r}; rows: {', '.join(row[0] for row in ROWS)}")
    commands = ways(str(options.leakgate.resolve()))
    load_before = os.getloadavg()[0]
    results = {row[0]: run_rounds(row, commands, options) for row in rows}
    text = "\n\n".join(
        [
            f"{machine()}; load average before the start {load_before:.1f}; "
            f"median of {options.rounds} rounds; length {options.length:g}.",
            table(results, 0, "CPU time"),
            table(results, 1, "wall time"),
        ]
    )
    if options.output:
        options.output.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
