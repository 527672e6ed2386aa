"""A worker thread that lives on keeps one entry with every job, in its own `threading.local`."""

import queue
import threading

LOCAL = threading.local()
JOBS, ANSWERS = queue.Queue(), queue.Queue()


def serve():
    LOCAL.seen = []
    while True:
        JOBS.get()
        LOCAL.seen.append(bytes(400))  # kept
        ANSWERS.put(len(LOCAL.seen))


threading.Thread(target=serve, daemon=True).start()


def work():
    JOBS.put(None)
    return ANSWERS.get()
