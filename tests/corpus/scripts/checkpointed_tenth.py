"""A worker takes 2,000 jobs and calls `checkpoint()` after each; it keeps the error of every tenth."""

try:
    from leakgate_memory import checkpoint
except ImportError:
    # Not tracked: there is nobody to tell.
    def checkpoint():
        pass


FAILED = {}


def handle(job):
    result = bytearray(2000)  # kept
    if job % 10 == 9:
        FAILED[job] = result  # kept
    return len(result)


for number in range(2000):
    handle(number)
    checkpoint()
