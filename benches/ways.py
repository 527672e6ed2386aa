"""What is run, and in which ways: the rows of the tables, and the command line of each tool."""

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
PACKAGES = ["memray", "numpy", "pyperf", "pyperformance", "Django", "html5lib", "SQLAlchemy"]

# Name, program, arguments before the rounds, and the rounds that take 5 seconds on the machine of docs/benchmarks.md.
ROWS = [
    ("calls only", "fib.py", [], 760),
    ("small-object trees", "trees.py", [], 1250),
    ("json round trips", "round_trips.py", [], 2900),
    ("numpy steps", "arrays.py", [], 27_000),
    ("4 threads, small dicts", "threads.py", [], 6500),
    ("deltablue", "suite.py", ["deltablue"], 1100),
    ("json_dumps", "suite.py", ["json_dumps"], 300),
    ("django_template", "suite.py", ["django_template"], 80),
    ("html5lib", "suite.py", ["html5lib"], 50),
    ("sqlalchemy_declarative", "suite.py", ["sqlalchemy_declarative"], 22),
]
# Name, course and threads, and the pairs of each thread.
NATIVE_ROWS = [
    ("malloc and free, 1 thread", ["slots", "1"], 150_000_000),
    ("malloc and free, 4 threads", ["slots", "4"], 60_000_000),
    ("4 threads that free each other's blocks", ["passed", "4"], 40_000_000),
]
# Name, program, and its argument: a heap of 100 to 300 MB.
MEMORY_ROWS = [
    ("small Python objects", "objects.py", 500_000),
    ("numpy arrays of 1 MiB", "buffers.py", 200),
    ("native blocks of 48 bytes", "blocks.c", 4_000_000),
]
STARTS = [
    ("python -c pass", "pass"),
    ("import sqlalchemy.orm, django.template, html5lib", "import sqlalchemy.orm, django.template, html5lib"),
]
# Rounds of 10,000 allocations: 100 million.
CAPTURE_ROUNDS = 10_000
VIEWS = ["summary", "table", "tree", "stats", "flamegraph"]


@dataclass
class Way:
    """A tool: how it runs a command, and which part of a row's length it can be given."""

    name: str
    command: object
    share: float = 1.0
    is_for_native: bool = False


def ways(leakgate):
    """All ways but the plain one, which each is compared with."""
    python = sys.executable
    memray = [python, "-m", "memray", "run", "-q", "-f"]
    return [
        Way("leakgate", lambda work, to: [leakgate, "run", "-q", "-o", f"{to}/capture", "--", *work], 1.0, True),
        Way("memray", lambda work, to: [*memray, "-o", f"{to}/out.bin", *work[1:]], 0.4),
        Way(
            "memray, Python allocators",
            lambda work, to: [*memray, "--trace-python-allocators", "-o", f"{to}/out.bin", *work[1:]],
            0.2,
        ),
        Way("tracemalloc, 1 frame", lambda work, _: [python, "-X", "tracemalloc=1", *work[1:]], 0.2),
        Way("tracemalloc, 25 frames", lambda work, _: [python, "-X", "tracemalloc=25", *work[1:]], 0.04),
        Way("heaptrack", lambda work, to: ["heaptrack", "--raw", "-o", f"{to}/heaptrack", *work], 0.04, True),
    ]
