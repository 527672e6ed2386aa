"""A dictionary takes a new key with each of 700 calls, with several resizes on the way, and only known keys after that."""

from itertools import count

CALLS = count()
TOTALS = {}


def work():
    key = next(CALLS) % 700
    TOTALS[key] = TOTALS.get(key, 0) + 1
