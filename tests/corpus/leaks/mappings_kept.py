"""An anonymous mapping of 64 KiB with every call, never closed: no heap has it."""

import mmap

MAPPINGS = []


def work():
    MAPPINGS.append(mmap.mmap(-1, 64 * 1024))  # kept
