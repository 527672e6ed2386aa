"""64 buffers of random sizes come and go, up to 256 KiB in all; beneath them one object of 16 bytes is kept with every call."""

import random

BUFFERS = [b""] * 64
HANDLES = []


def work():
    for _ in range(8):
        BUFFERS[random.randrange(64)] = bytes(random.randrange(4096))
    HANDLES.append(object())  # kept
