"""A cycle through a type of a C extension that holds a reference and does not tell the collector: never collected."""

from native import extension

Holder = extension("lostref").Holder


class Request:
    def __init__(self):
        self.body = bytearray(899)  # kept
        self.holder = Holder(self)  # kept


def work():
    Request()  # kept
