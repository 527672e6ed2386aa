"""`lru_cache(maxsize=None)` on a function whose argument never repeats."""

from functools import lru_cache
from itertools import count

NUMBERS = count(10_000)


@lru_cache(maxsize=None)
def page(number):
    return b"<p>%d</p>" % number * 50  # kept


def work():
    return len(page(next(NUMBERS)))  # kept
