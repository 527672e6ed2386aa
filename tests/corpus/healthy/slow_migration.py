"""3,000 entries are filled at the start by one line; another line replaces one with every call, for 3,000 calls: its memory rises, and the first line's falls."""

from itertools import count

CALLS = count()
TABLE = [bytes(300) for _ in range(3000)]


def work():
    TABLE[next(CALLS) % 3000] = bytes(300)
