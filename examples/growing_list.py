"""A list in a module that grows with every call, and a bounded one that does not."""

from collections import deque

SEEN = []
RECENT = deque(maxlen=3)


def prices():
    return [1] * 1000


def leaky():
    SEEN.append(prices())  # never removed


def healthy():
    RECENT.append(prices())  # the fourth entry pushes the first one out
