"""A new pattern with every call: `re` keeps 512 and drops the rest, but it takes 512 calls to get there."""

import re
from itertools import count

NUMBERS = count()


def work():
    return re.match(rf"item-{next(NUMBERS)}(\d+)", "item-100")
