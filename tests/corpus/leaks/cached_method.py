"""A cache on a method has `self` as its key: no instance is ever freed, nor what it holds."""

from functools import lru_cache


class Report:
    def __init__(self):
        self.rows = bytearray(4000)  # kept

    @lru_cache(maxsize=None)
    def total(self):
        return sum(self.rows[:10])


def work():
    return Report().total()  # kept
