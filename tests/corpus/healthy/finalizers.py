"""Objects with finalizers: the registry of `weakref.finalize` gets an entry and loses it."""

import weakref


class Handle:
    pass


CLOSED = [0]


def close(number):
    CLOSED[0] += number


def work():
    handles = [Handle() for _ in range(5)]
    for handle in handles:
        weakref.finalize(handle, close, 1)
    return len(handles)
