"""Trees of small objects, built and dropped."""

import sys


class Node:
    __slots__ = ("left", "right", "label")

    def __init__(self, depth):
        self.left = Node(depth - 1) if depth else None
        self.right = Node(depth - 1) if depth else None
        self.label = "node %d" % depth


for _ in range(int(sys.argv[1])):
    Node(12)
