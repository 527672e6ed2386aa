"""Allocates while it is imported."""
from __main__ import keep, mark

keep(bytes(mark()))


class Imported:
    keep(bytes(mark()))
