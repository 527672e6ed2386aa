"""Every tenth call opens an `epoll` and forgets to close it: an object in a list, and a descriptor."""

import resource
import select
from itertools import count

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
CALLS = count(1)
POLLS = []


def work():
    if next(CALLS) % 10 == 0:
        POLLS.append(select.epoll())  # kept
