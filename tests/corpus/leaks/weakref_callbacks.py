"""A weak reference with a callback for every call, to an object that lives as long as the program: all are kept to be called."""

import weakref


class Service:
    pass


SERVICE = Service()
WATCHERS = []


def work():
    event = bytes(200)  # kept
    WATCHERS.append(weakref.ref(SERVICE, lambda gone: len(event)))  # kept
