"""Every hundredth call starts a daemon thread that never ends: a watchdog that is begun again and again."""

import threading
from itertools import count

CALLS = count(1)
NEVER = threading.Event()
threading.stack_size(64 * 1024)


def work():
    if next(CALLS) % 100 == 0:
        threading.Thread(target=NEVER.wait, daemon=True).start()  # kept
