"""A pool opens a connection with every call until there are ten, and hands them out in turn from then on."""

import socket
from itertools import count

CALLS = count()
POOL = []


def work():
    number = next(CALLS)
    if len(POOL) < 10:
        POOL.append(socket.socketpair())
    here, there = POOL[number % len(POOL)]
    here.send(b"question")
    return there.recv(100)
