"""A base class notes every instance in a list, for a debugging page that nobody opens."""


class Tracked:
    instances = []

    def __init__(self):
        self.buffer = bytes(2015)  # kept
        Tracked.instances.append(self)  # kept


class Request(Tracked):
    pass


def work():
    Request()  # kept
