"""A loop of its own with every call: `asyncio.run` makes it, and closes it."""

import asyncio


async def step(number):
    await asyncio.sleep(0)
    return number


async def handle():
    return sum(await asyncio.gather(*(step(number) for number in range(5))))


def work():
    return asyncio.run(handle())
