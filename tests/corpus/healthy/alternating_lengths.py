"""A list has 1,000 entries after every odd call and 10 after every even one."""

from itertools import count

CALLS = count(1)
ROWS = []


def work():
    ROWS[:] = range(1000 if next(CALLS) % 2 else 10)
