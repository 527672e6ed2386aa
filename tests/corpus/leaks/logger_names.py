"""A logger of its own for each request: `logging` keeps every logger by its name, for ever."""

import logging
from itertools import count

NUMBERS = count(1)


def work():
    logging.getLogger(f"request.{next(NUMBERS)}").debug("begun")  # kept
