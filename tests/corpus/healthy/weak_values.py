"""A weak dictionary gets an entry with every call, and loses it when the object goes; the last twenty objects are kept."""

from collections import deque
from itertools import count
from weakref import WeakValueDictionary

NUMBERS = count(1000)
LATEST = deque(maxlen=20)
ALL = WeakValueDictionary()


class Document:
    def __init__(self):
        self.text = "line\n" * 100


def work():
    document = Document()
    ALL[next(NUMBERS)] = document
    LATEST.append(document)
