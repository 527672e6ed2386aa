"""Sessions expire 150 calls after they began, and are looked for only every 40: a bounded sawtooth over a plateau."""

from itertools import count

CALLS = count()
SESSIONS = {}


def work():
    now = next(CALLS)
    SESSIONS[now] = bytearray(600)
    if now % 40 == 0:
        for begun in [begun for begun in SESSIONS if now - begun > 150]:
            del SESSIONS[begun]
