"""A queue that is filled with every call; its consumer was never started."""

import queue

JOBS = queue.Queue()


def work():
    JOBS.put(bytes(287))  # kept
