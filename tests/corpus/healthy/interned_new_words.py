"""A name that never comes again is interned with every call, and dropped: it leaves CPython's table when the last reference goes."""

import sys
from itertools import count

NUMBERS = count(100_000)


def work():
    return len(sys.intern(f"header-{next(NUMBERS)}"))
