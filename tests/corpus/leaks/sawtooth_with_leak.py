"""A buffer of up to 50 rows is written out and cleared, as it should be; each time one row of the 50 stays in another list."""

ROWS = []
REJECTED = []


def work():
    ROWS.append(bytearray(800))  # kept
    if len(ROWS) == 50:
        REJECTED.append(ROWS[-1])  # kept
        ROWS.clear()
