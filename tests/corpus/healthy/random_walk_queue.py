"""A queue of jobs that come and are done at random, both as often, never more than 20 waiting."""

import random
from collections import deque

WAITING = deque()


def work():
    if random.random() < 0.5:
        if len(WAITING) < 20:
            WAITING.append(bytes(500))
    elif WAITING:
        WAITING.popleft()
