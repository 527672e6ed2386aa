"""Formats of 300 lengths: `struct` keeps a hundred compiled ones, then clears them all."""

import struct
from itertools import count

NUMBERS = count()


def work():
    size = next(NUMBERS) % 300
    return struct.unpack(f"<{size}sIQ", struct.pack(f"<{size}sIQ", b"", 1, 2))
