"""A cache of 100 entries is filled once and then refreshed, one entry a call: the line that holds the memory changes, the amount does not."""

from itertools import count

CALLS = count()
CACHE = {}


def fill():
    for key in range(100):
        CACHE[key] = bytes(2000)


def refresh(key):
    CACHE[key] = bytes(2000)


def work():
    number = next(CALLS)
    if not CACHE:
        fill()
    refresh(number % 100)
