"""An LRU in user code: an ordered dictionary that drops its oldest entry above 500. No type says that it is bounded."""

from collections import OrderedDict
from itertools import count

NUMBERS = count(1000)
RECENT = OrderedDict()


def work():
    number = next(NUMBERS)
    RECENT[number] = bytes(200)
    RECENT.move_to_end(number)
    if len(RECENT) > 500:
        RECENT.popitem(last=False)
