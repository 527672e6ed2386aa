"""A worker takes 2,000 jobs and calls `checkpoint()` after each; it keeps the last 200 answers."""

from collections import OrderedDict

try:
    from leakgate_memory import checkpoint
except ImportError:
    # Not tracked: there is nobody to tell.
    def checkpoint():
        pass


ANSWERS = OrderedDict()


def handle(job):
    ANSWERS[job] = bytes(500)
    if len(ANSWERS) > 200:
        ANSWERS.popitem(last=False)


for number in range(2000):
    handle(number)
    checkpoint()
