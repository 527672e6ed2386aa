"""A C extension forgets one `Py_DECREF`: the object that it made lives for ever, and nothing refers to it."""

from native import extension

JOIN = extension("lostref").join


def work():
    return len(JOIN(b"x" * 200, b"y" * 267))  # kept
