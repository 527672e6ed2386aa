"""The latest message of each of 200 senders, which come at random: new ones ever more seldom, the last after about a thousand calls."""

import random

LATEST = {}


def work():
    LATEST[random.randrange(200)] = bytes(100)
