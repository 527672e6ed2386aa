"""Pipes whose two descriptors are forgotten: plain numbers, so that not a byte of memory is kept."""

import os
import resource

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))


def work():
    os.pipe()  # kept
