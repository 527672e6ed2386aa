"""A handler is added to the same logger with every call, as set-up code does that runs once per request."""

import logging

LOGGER = logging.getLogger("orders")
LOGGER.propagate = False


def work():
    LOGGER.addHandler(logging.NullHandler())  # kept
