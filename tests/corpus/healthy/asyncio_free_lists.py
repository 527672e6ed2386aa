"""Tasks and futures on one loop that lives on: asyncio's own free lists and the type-attribute cache fill for thousands of calls."""

import asyncio

LOOP = asyncio.new_event_loop()


async def step(future):
    await asyncio.sleep(0)
    return await future


async def handle():
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(5)]
    tasks = [loop.create_task(step(future)) for future in futures]
    await asyncio.sleep(0)
    for future in futures:
        future.set_result(1)
    return sum(await asyncio.gather(*tasks))


def work():
    return LOOP.run_until_complete(handle())
