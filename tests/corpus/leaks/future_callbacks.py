"""Every call waits for the same long-lived future with a callback of its own, which it never takes off."""

import asyncio

LOOP = asyncio.new_event_loop()
SHUTDOWN = LOOP.create_future()


def work():
    buffer = bytearray(600)  # kept
    SHUTDOWN.add_done_callback(lambda done: len(buffer))  # kept
