"""A daemon thread with every call that waits for an event which never comes."""

import threading

NEVER = threading.Event()
threading.stack_size(64 * 1024)


def work():
    threading.Thread(target=NEVER.wait, daemon=True).start()  # kept
