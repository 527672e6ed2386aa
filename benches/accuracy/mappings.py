"""Mappings: memory that a program takes from the kernel itself. `hold` is asked about."""

import sys
import tempfile

import native

MIB = 1 << 20


def grown():
    """A mapping of 1 MiB that `mremap` makes 64 MiB"""

    def hold():
        native.remap(native.map_anonymous(MIB), MIB, 64 * MIB)

    hold()
    return 64 * MIB


def grown_and_gone():
    """The same, unmapped as a whole"""

    def hold():
        assert native.unmap(native.remap(native.map_anonymous(MIB), MIB, 64 * MIB), 64 * MIB) == 0

    hold()
    return 0


def shrunk():
    """A mapping of 64 MiB that `mremap` makes 16 MiB"""

    def hold():
        native.remap(native.map_anonymous(64 * MIB), 64 * MIB, 16 * MIB)

    hold()
    return 16 * MIB


def replaced():
    """Five mappings with MAP_FIXED, each over the same 32 MiB"""

    def hold():
        place = native.map_anonymous(32 * MIB)
        for _ in range(4):
            assert native.map_anonymous(32 * MIB, at=place) == place

    hold()
    return 32 * MIB


def refused():
    """16 MiB, and a `munmap` of them that fails, because its address is not that of a page"""

    def hold():
        assert native.unmap(native.map_anonymous(16 * MIB) + 1, 16 * MIB) == -1

    hold()
    return 16 * MIB


def middle():
    """48 MiB, of which the middle 16 MiB are unmapped"""

    def hold():
        assert native.unmap(native.map_anonymous(48 * MIB) + 16 * MIB, 16 * MIB) == 0

    hold()
    return 32 * MIB


def reserved():
    """16 GiB of address space without access, of which 8 MiB are made writable"""

    def hold():
        flags = native.PRIVATE | native.ANONYMOUS | native.NORESERVE
        place = native.map_memory(None, 16 << 30, native.NONE, flags, -1)
        assert native.protect(place, 8 * MIB, native.READ | native.WRITE) == 0

    hold()
    print("other", 16 << 30)
    return 8 * MIB


def of_break():
    """The break, moved up by 8 MiB"""

    def hold():
        native.grow_break(8 * MIB)

    hold()
    return 8 * MIB


def of_file():
    """64 MiB of a file, mapped to be read; own memory is 0"""
    file = tempfile.TemporaryFile()
    file.truncate(64 * MIB)

    def hold():
        return native.map_memory(None, 64 * MIB, native.READ, native.PRIVATE, file.fileno())

    hold()
    print("other", 64 * MIB)
    return 0


if __name__ == "__main__":
    print("known", globals()[sys.argv[1]]())
