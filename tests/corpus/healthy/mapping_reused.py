"""A mapping of 1 MiB is made, written to and closed with every call; the file behind it is one."""

import mmap
import tempfile

FILE = tempfile.TemporaryFile()
FILE.truncate(1 << 20)


def work():
    with mmap.mmap(FILE.fileno(), 1 << 20) as mapping:
        mapping[4096] = 1
        return mapping.rfind(b"\1", 0, 8192)
