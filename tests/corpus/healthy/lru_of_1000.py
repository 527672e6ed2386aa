"""`lru_cache(1000)` with arguments that never repeat: it rises for a thousand calls."""

from functools import lru_cache
from itertools import count

NUMBERS = count(10_000)


@lru_cache(maxsize=1000)
def page(number):
    return b"<p>%d</p>" % number * 50


def work():
    return len(page(next(NUMBERS)))
