"""Rows go through `csv` and a text buffer that is used again from its beginning."""

import csv
import io
from itertools import count

NUMBERS = count()
BUFFER = io.StringIO()


def work():
    BUFFER.seek(0)
    BUFFER.truncate()
    csv.writer(BUFFER).writerows([next(NUMBERS), "text", 0.5] for _ in range(20))
    return len(list(csv.reader(BUFFER.getvalue().splitlines())))
