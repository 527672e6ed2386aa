"""A set gets one element with every call, and every element existed before: no block is new, only the table grows.

The table grows fourfold or twofold, seldom: bytes are flat for long stretches, the length of the set is not.
"""

EXISTING = [f"user-{number}" for number in range(100_000)]
SEEN = set()


def work():
    SEEN.add(EXISTING[len(SEEN)])  # kept
