"""Attributes are looked up under names that are new with every call: CPython's type-attribute cache holds up to 4,096 of them."""

from itertools import count

NUMBERS = count()


class Node:
    pass


def work():
    number = next(NUMBERS)
    node = Node()
    return [getattr(node, f"visit_{kind}_{number}", None) for kind in ("name", "call", "list")]
