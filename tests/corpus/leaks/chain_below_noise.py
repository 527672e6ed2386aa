"""64 buffers of random sizes come and go; beneath them a chain of pairs gets one pair longer, which no container's length shows."""

import random

BUFFERS = [b""] * 64
chain = ()


def work():
    global chain
    for _ in range(8):
        BUFFERS[random.randrange(64)] = bytes(random.randrange(4096))
    chain = (chain, None)  # kept
