"""An ordered dictionary meant as an LRU: entries move to the end, but nobody takes off the oldest."""

from collections import OrderedDict
from itertools import count

NUMBERS = count(1000)
RECENT = OrderedDict()


def work():
    number = next(NUMBERS)
    RECENT[number] = bytes(100)  # kept
    RECENT.move_to_end(number)
