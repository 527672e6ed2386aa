"""Only every hundredth call meets the condition under which a record is kept."""

from itertools import count

CALLS = count(1)
SAMPLED = []


def work():
    record = bytes(4000)  # kept
    if next(CALLS) % 100 == 0:
        SAMPLED.append(record)  # kept
