"""A folder is added to `sys.path` with every call, always the same one: a list gets longer by a text that exists."""

import sys

FOLDER = "/nonexistent/plugins"


def work():
    sys.path.append(FOLDER)  # kept
