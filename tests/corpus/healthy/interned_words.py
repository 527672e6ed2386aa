"""Names from a request are interned; there are 2,000 different ones, and nothing else keeps them (CPython 3.12 does, until it has all)."""

import sys
from itertools import count

NUMBERS = count()


def work():
    return sys.intern(f"header-{next(NUMBERS) % 2000}") is not None
