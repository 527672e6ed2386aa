"""A cache that is slowly filled for 200 calls and slowly emptied for 200: each slope is long enough to look like one."""

from itertools import count

CALLS = count()
STACK = []


def work():
    if next(CALLS) // 200 % 2 == 0:
        STACK.append(bytes(700))
    else:
        STACK.pop()
