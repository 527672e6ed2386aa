"""A bounded cache on a method keeps instances alive, but never more than 64."""

from functools import lru_cache


class Report:
    def __init__(self):
        self.rows = bytearray(4000)

    @lru_cache(maxsize=64)
    def total(self):
        return sum(self.rows[:10])


def work():
    return Report().total()
