"""A warning whose text differs every time: the module's registry keeps each, to warn only once."""

import warnings
from itertools import count

NUMBERS = count(1)
warnings.simplefilter("default")
warnings.showwarning = lambda *parts, **named: None


def work():
    warnings.warn(f"order {next(NUMBERS)} is late")  # kept
