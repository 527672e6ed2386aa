"""A dictionary meant for each instance stands in the class: what one instance stores stays for ever."""

from itertools import count

NUMBERS = count(1000)


class Session:
    values = {}

    def store(self, key, value):
        self.values[key] = value  # kept


def work():
    Session().store(next(NUMBERS), bytearray(300))  # kept
