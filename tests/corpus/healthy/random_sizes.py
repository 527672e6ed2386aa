"""One buffer of a random size replaces the last: the mean is stable, two moments seldom agree."""

import random

buffer = b""


def work():
    global buffer
    buffer = bytes(random.randrange(100_000))
