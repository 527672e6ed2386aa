"""Every context remembers the one before: a chain, in which no container grows."""


class Context:
    __slots__ = ("parent", "values")

    def __init__(self, parent):
        self.parent = parent
        self.values = bytes(150)  # kept


current = None


def work():
    global current
    current = Context(current)  # kept
