"""The last thousand lines of a log in `deque(maxlen=1000)`."""

from collections import deque
from itertools import count

NUMBERS = count()
LINES = deque(maxlen=1000)


def work():
    LINES.append(f"line {next(NUMBERS):08d} of the log")
