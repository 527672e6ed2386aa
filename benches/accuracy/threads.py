"""Threads, Python's and others. `hold`, or all threads but the main one, are asked about."""

import ctypes
import sys
import threading

import native

MIB = 1 << 20
KEPT = [None]
COUNT, SIZE = 25_000, 1000
ROOM = (ctypes.c_void_p * (4 * COUNT))()


def unknown_to_python():
    """Four threads of C code take 25,000 blocks of 1,000 bytes each, at the same time"""
    native.threads_take(ROOM, COUNT, SIZE)
    return 4 * COUNT * SIZE


def freed_by_others():
    """The same, freed by four other threads"""
    native.threads_take(ROOM, COUNT, SIZE)
    native.threads_give()
    return 0


def highest_before_freed():
    """The same, freed by four other threads"""
    freed_by_others()
    return 4 * COUNT * SIZE


def hold():
    KEPT[0] = bytes(16 * MIB)


def calling_back():
    """A thread of C code that calls a Python function, which keeps 16 MiB"""
    native.call_in_thread(native.CALLBACK(hold))
    return 16 * MIB + bytes.__basicsize__


def handed_over():
    """A Python thread takes 16 MiB, the main thread frees them"""
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    KEPT[0] = None
    return 0


if __name__ == "__main__":
    print("known", globals()[sys.argv[1]]())
