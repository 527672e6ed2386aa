"""A task that waits for ever with every call, in a set that is meant to keep tasks alive: nobody discards them."""

import asyncio

LOOP = asyncio.new_event_loop()
BACKGROUND = set()


async def watch():
    await asyncio.Event().wait()  # kept


async def handle():
    task = asyncio.get_running_loop().create_task(watch())  # kept
    BACKGROUND.add(task)  # kept
    await asyncio.sleep(0)


def work():
    LOOP.run_until_complete(handle())
