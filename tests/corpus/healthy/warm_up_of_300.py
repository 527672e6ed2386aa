"""An index gets a page with each of the first 300 calls; then it is complete."""

from itertools import count

CALLS = count()
INDEX = {}


def work():
    number = next(CALLS)
    if number < 300:
        INDEX[f"page {number}"] = list(range(number, number + 50))
    return INDEX.get("page 7")
