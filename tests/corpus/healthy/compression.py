"""Native memory of a compressor: half a megabyte that Python does not allocate, given back at the end of the call."""

import zlib

DATA = b"all work and no play " * 200


def work():
    compressor = zlib.compressobj(6)
    packed = compressor.compress(DATA) + compressor.flush()
    return len(zlib.decompress(packed))
