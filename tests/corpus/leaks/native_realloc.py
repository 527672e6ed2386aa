"""A C library makes one block 64 bytes larger with every call: the number of blocks stays the same."""

from native import library

EXTEND = library("blocks").extend


def work():
    EXTEND(64)  # kept
