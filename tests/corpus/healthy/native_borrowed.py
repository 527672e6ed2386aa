"""A C library allocates 200 blocks with every call and frees them all."""

from native import library

BORROW = library("blocks").borrow


def work():
    BORROW(200, 64)
