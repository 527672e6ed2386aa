"""Only every tenth call meets the condition under which a record is kept."""

from itertools import count

CALLS = count(1)
FAILED = []


def work():
    record = bytes(1000)  # kept
    if next(CALLS) % 10 == 0:
        FAILED.append(record)  # kept
