"""Classes that are made and dropped with every call: a named tuple and a data class, cycles for the collector, made with `exec`."""

from collections import namedtuple
from dataclasses import make_dataclass


def work():
    pair = namedtuple("Pair", "left right")
    record = make_dataclass("Record", [("number", int)])
    return pair(1, 2).left + record(3).number
