"""A thread that never ends and holds a list, and one that is told to stop and joined."""

import threading


def hold_until(stop):
    rows = [1] * 1000
    stop.wait()
    return len(rows)


def leaky():
    nobody_sets_it = threading.Event()
    threading.Thread(target=hold_until, args=(nobody_sets_it,), name="refresh", daemon=True).start()


def healthy():
    stop = threading.Event()
    thread = threading.Thread(target=hold_until, args=(stop,), name="refresh")
    thread.start()
    stop.set()
    thread.join()
