"""The latest message of each of 2,000 senders, which come at random: a tenth of them is still missing after 5,000 calls."""

import random

LATEST = {}


def work():
    LATEST[random.randrange(2000)] = bytes(100)
