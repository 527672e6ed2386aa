"""A coroutine subscribes with a queue and never leaves: the publisher's list of queues grows."""

import asyncio

SUBSCRIBERS = []


async def work():
    inbox = asyncio.Queue()  # kept
    SUBSCRIBERS.append(inbox)  # kept
    await asyncio.sleep(0)
