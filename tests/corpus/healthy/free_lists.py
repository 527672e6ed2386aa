"""Floats, tuples, lists and dictionaries in bursts of changing sizes: CPython keeps some of the freed ones for the next."""

from itertools import count

CALLS = count()


def work():
    size = next(CALLS) * 7 % 150
    floats = [number * 0.5 for number in range(size)]
    tuples = [(number, number) for number in floats]
    lists = [[number] for number in tuples]
    return [{"list": one} for one in lists]
