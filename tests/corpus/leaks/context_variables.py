"""A context variable is made in the function instead of once: the thread's context keeps each, with its value, in a tree."""

from contextvars import ContextVar


def work():
    request = ContextVar("request")  # kept
    request.set(bytes(500))  # kept
