"""Arrays of 2 kB to 400 kB: few blocks, much arithmetic."""

import sys

import numpy

rows = numpy.arange(50_000, dtype=numpy.float64)
for step in range(int(sys.argv[1])):
    part = rows[: 256 + step * 97 % 49_000] * 1.5
    rows[: part.size] = numpy.sqrt(part + 1.0)
