"""Short-lived classes are asked whether they are mappings: the abstract class keeps weak references to them, in caches."""

from collections.abc import Mapping


def work():
    kind = type("Kind", (), {"__slots__": ()})
    return isinstance(kind(), Mapping), issubclass(kind, Mapping)
