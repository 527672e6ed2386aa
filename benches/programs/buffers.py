"""A heap of few large blocks: so many arrays of a mebibyte, alive together."""

import sys

import numpy

arrays = [numpy.ones(131_072) for _ in range(int(sys.argv[1]))]
