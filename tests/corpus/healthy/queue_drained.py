"""A producer and a consumer thread with a queue that is empty at the end of every call."""

import queue
import threading

JOBS = queue.Queue()


def serve():
    while True:
        JOBS.get()
        JOBS.task_done()


threading.Thread(target=serve, daemon=True).start()


def work():
    for number in range(20):
        JOBS.put(bytes(number * 100))
    JOBS.join()
