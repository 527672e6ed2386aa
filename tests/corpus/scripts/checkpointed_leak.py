"""A worker takes 2,000 jobs and calls `checkpoint()` after each; it keeps one record of each job."""

try:
    from leakgate_memory import checkpoint
except ImportError:
    # Not tracked: there is nobody to tell.
    def checkpoint():
        pass


RECORDS = []


def handle(job):
    RECORDS.append(bytes(1000))  # kept
    return job


for number in range(2000):
    handle(number)
    checkpoint()
