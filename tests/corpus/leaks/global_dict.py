"""Results are remembered by a number that never comes twice: a dictionary used as a cache without an end."""

RESULTS = {}


def work():
    number = 1000 + len(RESULTS)
    RESULTS[number] = bytes(467)  # kept
