"""64 buffers of random sizes, eight replaced with every call: noise that remembers what it was."""

import random

BUFFERS = [b""] * 64


def work():
    for _ in range(8):
        BUFFERS[random.randrange(64)] = bytes(random.randrange(4096))
