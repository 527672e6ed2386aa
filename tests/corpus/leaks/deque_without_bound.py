"""A history in a deque whose `maxlen` was forgotten: 64 entries to a block, so that 63 of 64 calls allocate nothing."""

from collections import deque

HISTORY = deque()


def work():
    HISTORY.append(None)  # kept
