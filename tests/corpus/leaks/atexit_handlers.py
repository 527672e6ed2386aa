"""A handler for the end of the program with every call; each keeps its argument until then."""

import atexit


def close(buffer):
    buffer.clear()


def work():
    atexit.register(close, bytearray(700))  # kept
