"""A batch is written out when it has fifty rows."""

BATCH = []


def work():
    BATCH.append(bytearray(1000))
    if len(BATCH) == 50:
        BATCH.clear()
