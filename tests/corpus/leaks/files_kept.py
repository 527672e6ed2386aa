"""Files that are opened and kept: one descriptor each, and a buffer."""

import resource

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
OPEN = []


def work():
    OPEN.append(open("/dev/null", "rb"))  # kept
