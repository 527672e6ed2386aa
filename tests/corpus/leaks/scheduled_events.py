"""Events are entered for the far future and never cancelled: the scheduler's heap grows."""

import sched

SCHEDULER = sched.scheduler()


def work():
    SCHEDULER.enter(1_000_000, 1, print, ("reminder", bytes(100)))  # kept
