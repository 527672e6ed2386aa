"""`lru_cache(20000)` that is not full before the last iteration anybody runs: bounded all the same, as its size says."""

from functools import lru_cache
from itertools import count

NUMBERS = count(10_000)


@lru_cache(maxsize=20_000)
def page(number):
    return b"%d" % number


def work():
    return len(page(next(NUMBERS)))
