"""A child process with every call, with its output read through a pipe."""

import subprocess


def work():
    return subprocess.run(["/bin/true"], stdout=subprocess.PIPE, check=True).stdout
