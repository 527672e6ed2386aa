"""`itertools.tee` keeps what one half has read until the other half has: the other half is never read."""

from itertools import tee


def source():
    while True:
        yield bytes(223)  # kept


READ, UNREAD = tee(source())


def work():
    return len(next(READ))  # kept
