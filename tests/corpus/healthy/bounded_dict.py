"""A cache in user code: a dictionary that drops its oldest entry above 256. It rises for 256 calls."""

from itertools import count

NUMBERS = count(1000)
CACHE = {}


def work():
    if len(CACHE) == 256:
        del CACHE[next(iter(CACHE))]
    CACHE[next(NUMBERS)] = bytes(1000)
