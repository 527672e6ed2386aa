"""An object gets an attribute of a new name with every call: its own dictionary grows."""

from itertools import count

NUMBERS = count(1)


class Metrics:
    pass


METRICS = Metrics()


def work():
    setattr(METRICS, f"request_{next(NUMBERS)}", 1)  # kept
