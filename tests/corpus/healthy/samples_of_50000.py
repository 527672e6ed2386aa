"""A window of samples, `deque(maxlen=50_000)`, that is not full before the last iteration anybody runs."""

from collections import deque
from itertools import count

NUMBERS = count(10_000)
SAMPLES = deque(maxlen=50_000)


def work():
    SAMPLES.append(float(next(NUMBERS)))
    return len(SAMPLES)
