"""A batch is written out when it has three hundred rows: up for longer than many look."""

BATCH = []


def work():
    BATCH.append(bytearray(1000))
    if len(BATCH) == 300:
        BATCH.clear()
