"""Exceptions with deep tracebacks are caught, partly formatted and dropped; only the last one is kept."""

import traceback

last_error = None


def descend(depth):
    scratch = bytearray(500)
    if depth == 0:
        raise ValueError("at the bottom")
    return descend(depth - 1) + len(scratch)


def work():
    global last_error
    try:
        descend(20)
    except ValueError as error:
        last_error = error
        return len(traceback.format_tb(error.__traceback__, limit=2))
