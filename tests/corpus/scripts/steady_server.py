"""A loop without an end that allocates and frees: a batch of up to 200 pieces, again and again."""

import time

batch = []
while True:
    batch.append(bytes(16_000))
    if len(batch) == 200:
        batch.clear()
    time.sleep(0.0005)
