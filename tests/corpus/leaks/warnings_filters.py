"""A filter for warnings is added with every call and never taken away: each has an expression of its own."""

import warnings
from itertools import count

NUMBERS = count(1)


def work():
    warnings.filterwarnings("ignore", message=f"order {next(NUMBERS)} is late")  # kept
