"""The cases: what is asked of each tool, and why a tool that differs does so.

A program's function is both what runs and, by its docstring, what the table says. `why` is shown only where that tool's
figure is not the known one, so that it goes away with the cause.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """One question with a known answer."""

    program: str
    course: str
    # "peak", or "end": before the interpreter is torn down
    moment: str = "end"
    # The Python function in whose stacks is looked; none: threads other than the main one.
    function: str = "hold"
    # bytes, blocks; names: distinct functions; frames: in the deepest stack
    unit: str = "bytes"
    # Has the function made the call itself, or do calls that it made count too?
    innermost: bool = False
    # How far a figure may be from the known one, as a share. By default room for the few small objects that a function uses
    # while it runs; more where the books are not exact.
    slack: float = 0.0001
    environment: dict = field(default_factory=dict)
    # What more memray is told.
    memray: tuple = ()
    why: dict = field(default_factory=dict)


def recycled(course):
    """A case about objects that CPython hands out again."""
    by_reuse = "CPython hands freed objects out again without an allocator call: their line is that of the function before"
    none_seen = "by default memray has no small objects"
    why = {"leakgate": by_reuse, "memray": none_seen, "memray, objects": by_reuse}
    return Case("lines", course, unit="blocks", innermost=True, why=why)


MREMAP = {"memray": "memray does not follow `mremap`"}
BY_FILE = {"memray": "other definition: a file mapping is memory as any other; leakgate shows it apart"}
MAPPED = "the package has an allocator of its own: what is counted is what that maps, not the objects in it"
OWN_POOL = {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}
OWN_ALLOCATOR = {"leakgate": MAPPED, "memray": MAPPED}

PIECES = {"memray": "by default memray counts the pieces in which CPython takes memory, at the line that happened to need one"}
GARBAGE = {"memray": "other definition: what stands when the script ends; leakgate collects garbage first"}

GROUPS = {
    "Mappings": [
        Case("mappings", "grown", why=MREMAP),
        Case("mappings", "grown", "peak", why=MREMAP),
        Case("mappings", "grown_and_gone", why=MREMAP),
        Case("mappings", "shrunk", why=MREMAP),
        Case("mappings", "replaced", why={"memray": "memray adds up what was mapped over the same place"}),
        Case("mappings", "refused", why={"memray": "memray takes off what it was asked to unmap, whatever the kernel says"}),
        Case("mappings", "middle"),
        Case("mappings", "reserved", why={"memray": "other definition: address space that was asked for"}),
        Case("mappings", "of_break", why={"memray": "memray does not see `brk` and `sbrk`"}),
        Case("mappings", "of_file", why=BY_FILE),
    ],
    "The C heap": [
        Case("heap", "of_no_size", unit="blocks"),
        Case("heap", "resized_to_nothing", why={"memray": "memray keeps a block for which `realloc` returns NULL"}),
        Case("heap", "resized_in_vain"),
        Case("heap", "aligned"),
        Case("heap", "array"),
        Case("heap", "inside_library"),
        Case("heap", "line_inside_library"),
        Case(
            "heap",
            "by_pointer",
            why={"memray": "memray replaces the calls that were linked; a pointer that `dlsym` gave is none of them"},
        ),
    ],
    "Python objects": [
        Case("objects", "small", why=PIECES),
        Case("objects", "small", environment={"PYTHONMALLOC": "malloc"}),
        Case("objects", "large"),
        Case("objects", "dropped", "peak"),
        Case("objects", "unreachable", why=GARBAGE),
    ],
    "Lines and functions": [
        recycled("dictionaries"),
        recycled("lists"),
        recycled("tuples"),
        Case("lines", "executed", function="made_*", unit="names", innermost=True),
        Case("lines", "deep", unit="frames"),
        Case(
            "lines",
            "profiled",
            why={"memray": "memray follows calls with the interpreter's profile function; the program's own takes its place"},
        ),
        Case("lines", "switching", innermost=True),
    ],
    "Threads": [
        Case("threads", "unknown_to_python", function=""),
        Case("threads", "freed_by_others", function=""),
        Case("threads", "highest_before_freed", "peak", function=""),
        Case("threads", "calling_back"),
        Case("threads", "handed_over"),
    ],
    "Processes and how they end": [
        Case("processes", "forked", memray=("--follow-fork",)),
        Case("processes", "executed", memray=("--follow-fork",), why={"memray": "memray follows `fork`, not `exec`"}),
        Case("processes", "ended_at_once"),
        Case("processes", "killed"),
        Case("processes", "at_exit", "peak", why={"memray": "memray stops when the script ends, before what runs at exit"}),
    ],
    "Packages from PyPI": [
        Case("packages", "numpy_arithmetic", slack=0.001),
        Case("packages", "numpy_memmap", slack=0.001, why=BY_FILE),
        Case("packages", "pandas_copy", slack=0.001),
        # leakgate has pyarrow use `malloc` unless told otherwise.
        Case("packages", "arrow_kept", slack=0.001, environment=OWN_POOL, why=OWN_ALLOCATOR),
        Case("packages", "arrow_kept", slack=0.001, environment={"ARROW_DEFAULT_MEMORY_POOL": "system"}),
        Case("packages", "arrow_dropped", slack=0.001, environment=OWN_POOL, why=OWN_ALLOCATOR),
        Case("packages", "polars_kept", slack=0.001, why=OWN_ALLOCATOR),
        Case("packages", "sqlalchemy_rows", slack=0.01, why=PIECES),
        Case("packages", "lxml_tree", slack=0.15),
    ],
}
