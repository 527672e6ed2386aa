"""A batch is written out when it has seven rows: up for six calls, then down."""

BATCH = []


def work():
    BATCH.append(bytearray(5000))
    if len(BATCH) == 7:
        BATCH.clear()
