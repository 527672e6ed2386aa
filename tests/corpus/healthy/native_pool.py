"""A C library takes a block from the system with every call until its pool of 700 is full: no container tells."""

from itertools import count

from native import library

NUMBERS = count()
TAKE = library("blocks").take


def work():
    TAKE(next(NUMBERS))
