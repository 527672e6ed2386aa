"""Generators that were begun and never finished: each keeps its frame and the buffer in it."""

STREAMS = []


def chunks():
    buffer = bytearray(1499)  # kept
    while True:
        yield len(buffer)


def work():
    stream = chunks()  # kept
    next(stream)
    STREAMS.append(stream)  # kept
