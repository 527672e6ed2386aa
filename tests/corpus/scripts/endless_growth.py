"""A loop without an end that puts one piece after another into a list; it is ended from outside."""

import time

data = []
while True:
    data += [bytes(64_000)]  # kept
    time.sleep(0.0005)
