"""Processes, and how they end. `hold` is asked about, in all of them together."""

import atexit
import os
import signal
import subprocess
import sys

import native

MIB = 1 << 20


def hold():
    native.take(32 * MIB)


def forked():
    """A forked child takes 32 MiB"""
    child = os.fork()
    if child == 0:
        hold()
        os._exit(0)
    os.waitpid(child, 0)
    return 32 * MIB


def executed():
    """A Python that the program starts takes 32 MiB"""
    subprocess.run([sys.executable, __file__, "quietly"], check=True)
    return 32 * MIB


def quietly():
    hold()


def ended_at_once():
    """32 MiB, then `os._exit`"""
    hold()
    print("known", 32 * MIB, flush=True)
    os._exit(0)


def killed():
    """32 MiB, then SIGKILL, which is how the system ends a program when memory is short"""
    hold()
    print("known", 32 * MIB, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def at_exit():
    """32 MiB, taken by a function that runs at the interpreter's exit"""
    atexit.register(hold)
    return 32 * MIB


if __name__ == "__main__":
    known = globals()[sys.argv[1]]()
    if known is not None:
        print("known", known)
