"""`lru_cache` at its default of 128, with arguments that never repeat."""

from functools import lru_cache
from itertools import count

NUMBERS = count(10_000)


@lru_cache(maxsize=128)
def page(number):
    return b"<p>%d</p>" % number * 50


def work():
    return len(page(next(NUMBERS)))
