"""Counters in a dictionary of numbers alone, inside a tuple: CPython's collector does not track it (before 3.14).

Only what holds it leads to it.
"""

from itertools import count

NUMBERS = count(1000)
STATE = ("counters", {})


def work():
    STATE[1][next(NUMBERS)] = 1  # kept
