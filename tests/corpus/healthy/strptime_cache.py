"""Dates in eight formats: `_strptime` keeps up to five expressions and then clears them."""

import time
from itertools import count

NUMBERS = count()
SEPARATORS = "-/. _:;,"


def work():
    between = SEPARATORS[next(NUMBERS) % len(SEPARATORS)]
    return time.strptime(between.join(["2026", "01", "31"]), between.join(["%Y", "%m", "%d"]))
