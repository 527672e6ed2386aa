"""Ten cycles of objects with every call, which only the collector frees."""


class Node:
    def __init__(self):
        self.payload = bytes(500)
        self.child = Child(self)


class Child:
    def __init__(self, parent):
        self.parent = parent


def work():
    for _ in range(10):
        Node()
