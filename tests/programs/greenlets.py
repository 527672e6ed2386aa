"""Greenlets that switch in the middle of functions, deep and from one to another, on two threads.

`bytes(mark())` allocates as in stacks.py.
"""
import json
import sys
import threading

from greenlet import getcurrent, greenlet

EXPECTED = []
KEPT = []


def mark():
    frames, frame = [], sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        frames.append([getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno])
        frame = frame.f_back
    size = 100000 + len(EXPECTED)
    EXPECTED.append([size, frames, threading.current_thread().name])
    return size


def deep(depth, started):
    KEPT.append(bytes(mark()))
    if depth == 0:
        if started:
            greenlet(deep).switch(2, started - 1)
        getcurrent().parent.switch()
        KEPT.append(bytes(mark()))
    else:
        deep(depth - 1, started)
    KEPT.append(bytes(mark()))


def producer(consumer):
    for _ in range(3):
        KEPT.append(bytes(mark()))
        consumer.switch(getcurrent())


def consumer(other):
    while True:
        KEPT.append([bytes(mark()) for _ in range(2)])
        other = other.switch()


def generator(own):
    yield bytes(mark())
    own.parent.switch()
    yield bytes(mark())


def in_generator():
    KEPT.extend(generator(getcurrent()))


def dies():
    try:
        getcurrent().parent.switch()
    finally:
        KEPT.append(bytes(mark()))


def all_of_it():
    made = [greenlet(deep) for _ in range(3)]
    for depth, one in enumerate(made):
        KEPT.append(bytes(mark()))
        one.switch(depth + 2, depth)
    for one in reversed(made):
        while not one.dead:
            one.switch()
            KEPT.append(bytes(mark()))
    end = greenlet(consumer)
    greenlet(producer).switch(end)
    one = greenlet(in_generator)
    one.switch()
    KEPT.append(bytes(mark()))
    one.switch()
    one = greenlet(dies)
    one.switch()
    one.throw()


all_of_it()
thread = threading.Thread(target=all_of_it)
thread.start()
thread.join()
json.dump(EXPECTED, sys.stdout)
