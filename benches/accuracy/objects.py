"""Python objects: bytes by construction. `hold` is asked about."""

import sys

COUNT = 100_000
# Long enough for all that is kept, so that it never grows where bytes are counted.
KEPT = [None] * COUNT
HEADER = bytes.__basicsize__


class Point:
    """An instance with two slots and no dictionary."""

    __slots__ = ("x", "y")


def small():
    """100,000 instances of 32 bytes, and 16 each for the collector"""

    def hold():
        for index in range(COUNT):
            KEPT[index] = Point()

    hold()
    return COUNT * (Point.__basicsize__ + 16)


def large():
    """A `bytes` object of 64 MiB"""

    def hold():
        KEPT[0] = bytes(64 << 20)

    hold()
    return (64 << 20) + HEADER


def dropped():
    """16 `bytes` objects of 4 MiB, dropped again"""

    def hold():
        for index in range(16):
            KEPT[index] = bytes(4 << 20)

    hold()
    for index in range(16):
        KEPT[index] = None
    return 16 * ((4 << 20) + HEADER)


def unreachable():
    """64 MiB held by a reference cycle that nothing refers to"""

    def hold():
        cycle = [bytes(64 << 20)]
        cycle.append(cycle)

    hold()
    print("other", (64 << 20) + HEADER)
    return 0


if __name__ == "__main__":
    print("known", globals()[sys.argv[1]]())
