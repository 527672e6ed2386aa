"""A cache without bound that every new customer makes larger, and one that keeps the last 16."""

from functools import lru_cache
from itertools import count

CUSTOMERS = count()


def greeting(customer):
    return "Hello, customer number %06d" % customer


cached_for_ever = lru_cache(maxsize=None)(greeting)
cached_for_a_while = lru_cache(maxsize=16)(greeting)


def leaky():
    for _ in range(10):
        cached_for_ever(next(CUSTOMERS))


def healthy():
    for _ in range(10):
        cached_for_a_while(next(CUSTOMERS))
