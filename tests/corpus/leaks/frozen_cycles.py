"""Each call makes a cycle and then calls `gc.freeze()`, as servers do before a fork: frozen cycles are never collected."""

import gc


class Node:
    def __init__(self):
        self.payload = bytes(1967)  # kept
        self.itself = self


def work():
    Node()  # kept
    gc.freeze()
