"""The collector is switched off, for speed, and every request makes a cycle: nothing breaks it."""

import gc
import time


class Request:
    def __init__(self):
        self.body = bytearray(24_000)  # kept
        self.itself = self


gc.disable()
while True:
    Request()  # kept
    time.sleep(0.0005)
