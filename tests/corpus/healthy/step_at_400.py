"""At call 400, once, a table of 2 MB is loaded and stays."""

from itertools import count

CALLS = count(1)
table = None


def work():
    global table
    if next(CALLS) == 400:
        table = list(range(1000, 51_000))
