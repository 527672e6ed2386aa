"""A C library allocates 100 bytes with every call and loses them; Python never sees the block."""

from native import library

LOSE = library("blocks").lose


def work():
    LOSE(100)  # kept
