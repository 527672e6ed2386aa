"""A list gets `None` with every call: eight bytes in one block that is reallocated, and no new block at all."""

TICKS = []


def work():
    TICKS.append(None)  # kept
