"""Lines and functions: who is named for a block."""

import cProfile
import sys

MIB = 1 << 20
COUNT = 1000
# Long enough for all that is kept, so that it never grows where blocks are counted.
KEPT = [None] * COUNT
HEADER = bytes.__basicsize__


def dictionaries():
    """1,000 dictionaries kept by one function, each after another has dropped 200"""

    def hold(place):
        KEPT[place] = {}

    for place in range(COUNT):
        [{} for _ in range(200)]
        hold(place)
    return COUNT


def lists():
    """1,000 lists, the same way"""

    def hold(place):
        KEPT[place] = []

    for place in range(COUNT):
        [[] for _ in range(200)]
        hold(place)
    return COUNT


def tuples():
    """1,000 tuples of one, the same way"""

    def hold(place, item):
        KEPT[place] = (item,)

    for place in range(COUNT):
        [(each,) for each in range(200)]
        hold(place, None)
    return COUNT


def executed():
    """500 functions from `exec`, each with a name of its own and dropped after it has kept 4,000 bytes"""
    for number in range(500):
        exec(f"def made_{number}():\n    KEPT[{number}] = bytes(4000)\nmade_{number}()", {"KEPT": KEPT})
    return 500


def deep():
    """64 MiB below 5,000 nested calls; the module and this function are in the stack too"""

    def hold(level):
        if level == 1:
            KEPT[0] = bytes(64 * MIB)
        else:
            hold(level - 1)

    hold(5000)
    return 5002


def profiled():
    """64 MiB, taken while the program profiles itself with cProfile"""

    def hold():
        KEPT[0] = bytes(64 * MIB)

    cProfile.Profile().runcall(hold)
    return 64 * MIB + HEADER


def switching():
    """greenlet: two that take turns; 16 MiB by each, 4 MiB at a time"""
    import greenlet

    def hold():
        for place in range(4):
            KEPT[place] = bytes(4 * MIB)
            other.switch()

    def second():
        for place in range(4):
            KEPT[10 + place] = bytes(4 * MIB)
            one.switch()

    one, other = greenlet.greenlet(hold), greenlet.greenlet(second)
    one.switch()
    return 4 * (4 * MIB + HEADER)


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    print("known", globals()[sys.argv[1]]())
