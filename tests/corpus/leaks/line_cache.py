"""Generated code puts its source into `linecache`, so that tracebacks show it, under a new name every time."""

import linecache
from itertools import count

NUMBERS = count(1)


def work():
    name = f"<generated {next(NUMBERS)}>"
    source = f"def run():\n    return {name!r}\n"  # kept
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)  # kept
