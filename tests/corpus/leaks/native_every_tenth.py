"""A C library loses a block of 240 bytes at every tenth call."""

from itertools import count

from native import library

CALLS = count(1)
LOSE = library("blocks").lose


def work():
    if next(CALLS) % 10 == 0:
        LOSE(240)  # kept
