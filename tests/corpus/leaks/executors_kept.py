"""A pool of threads with every call that is kept and never shut down: its one thread waits for work."""

import threading
from concurrent.futures import ThreadPoolExecutor

POOLS = []
threading.stack_size(256 * 1024)


def work():
    pool = ThreadPoolExecutor(max_workers=1)  # kept
    POOLS.append(pool)  # kept
    return pool.submit(len, b"work").result()  # kept
