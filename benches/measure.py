"""Running a command to its end, and what it took."""

import os
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple


class Taken(NamedTuple):
    """Seconds of CPU and of the clock, and the largest resident set in bytes, of a command and all that it waits for."""

    cpu: float
    wall: float
    memory: int


def run(command):
    """Runs a command. Ends the program, with what the command told, if it fails."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            told = errors.read().decode(errors="replace")
            sys.exit(f"failed with exit code {process.returncode}: {' '.join(map(str, command))}\n{told}")
    return Taken(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def run_in(way, work):
    """Runs a command under a tool, whose results are thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        return run(way.command(work, folder))


def say(text):
    print(text, file=sys.stderr, flush=True)
