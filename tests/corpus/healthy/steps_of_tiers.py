"""Three tables are loaded when they are first needed, at calls 20, 90 and 250: three steps, and no slope."""

from itertools import count

CALLS = count(1)
TABLES = {}


def work():
    number = next(CALLS)
    if number in (20, 90, 250):
        TABLES[number] = bytearray(100_000)
