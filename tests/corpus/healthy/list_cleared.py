"""A list takes a random number of entries and is cleared: its block is larger than needed, then gone."""

import random

BATCH = []


def work():
    for number in range(random.randrange(500)):
        BATCH.append(number)
    BATCH.clear()
