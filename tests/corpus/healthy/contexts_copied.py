"""Context variables are set in copies of the context, and reset: nothing stays."""

from contextvars import ContextVar, copy_context

REQUEST = ContextVar("request", default=None)


def handle(body):
    token = REQUEST.set(body)
    size = len(REQUEST.get())
    if size % 2:
        REQUEST.reset(token)
    return size


def work():
    return [copy_context().run(handle, bytes(size)) for size in (100, 101)]
