"""An event loop with every call, kept to be closed later, which never comes: three descriptors each."""

import asyncio
import resource

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
LOOPS = []


async def answer():
    return 42


def work():
    loop = asyncio.new_event_loop()  # kept
    LOOPS.append(loop)  # kept
    return loop.run_until_complete(answer())
