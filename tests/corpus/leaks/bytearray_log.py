"""A log of 32 bytes a call in a bytearray that nobody writes out: one block, which grows."""

LOG = bytearray()
LINE = b"2026-01-01 00:00:00 request done"


def work():
    LOG.extend(LINE)  # kept
