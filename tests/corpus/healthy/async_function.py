"""A coroutine that passes twenty items through a bounded queue and cancels its consumer."""

import asyncio


async def consume(inbox):
    while True:
        await inbox.get()
        inbox.task_done()


async def work():
    inbox = asyncio.Queue(maxsize=5)
    consumer = asyncio.create_task(consume(inbox))
    for number in range(20):
        await inbox.put(bytes(number))
    await inbox.join()
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)
