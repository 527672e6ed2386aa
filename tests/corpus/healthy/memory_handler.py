"""Log records are held until there are a hundred, and then handed on: a sawtooth that the standard library makes."""

import logging
import logging.handlers

LOGGER = logging.getLogger("healthy.buffered")
LOGGER.propagate = False
LOGGER.setLevel(logging.INFO)
TARGET = logging.NullHandler()
LOGGER.addHandler(logging.handlers.MemoryHandler(100, target=TARGET))


def work():
    LOGGER.info("order %d of %d bytes", 7, 1000)
