"""A hundred keys live in a dictionary, ten new ones come and ten old ones go with every call: its table is made anew now and then."""

from itertools import count

NUMBERS = count(1000)
LIVE = {next(NUMBERS): None for _ in range(100)}


def work():
    for _ in range(10):
        LIVE[next(NUMBERS)] = None
    for key in list(LIVE)[:10]:
        del LIVE[key]
