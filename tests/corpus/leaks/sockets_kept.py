"""Both ends of a pair of sockets with every call, kept in a dictionary of connections."""

import resource
import socket

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
CONNECTIONS = {}


def work():
    here, there = socket.socketpair()  # kept
    CONNECTIONS[here.fileno()] = (here, there)  # kept
