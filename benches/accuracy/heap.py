"""The C heap: what malloc and its family hand out. `hold` is asked about."""

import ctypes
import sys
import tempfile

import native

MIB = 1 << 20


def of_no_size():
    """1,000 blocks of `malloc(0)`"""

    def hold():
        for _ in range(1000):
            native.take(0)

    hold()
    return 1000


def resized_to_nothing():
    """16 MiB, freed by `realloc(block, 0)`"""

    def hold():
        native.resize(native.take(16 * MIB), 0)

    hold()
    return 0


def resized_in_vain():
    """16 MiB, and a `realloc` of them that fails"""

    def hold():
        assert native.resize(native.take(16 * MIB), 1 << 62) is None

    hold()
    return 16 * MIB


def aligned():
    """`aligned_alloc`, `memalign`, `valloc`, `pvalloc` and `posix_memalign`, 1 MiB each"""

    def hold():
        for kind in range(5):
            native.take_aligned(kind, 4096, MIB)

    hold()
    return 5 * MIB


def array():
    """`reallocarray`, which calls `realloc` inside the C library: 16 MiB, once"""

    def hold():
        native.resize_array(native.take(MIB), 16, MIB)

    hold()
    return 16 * MIB


def inside_library():
    """What `strdup` and `asprintf` take for their caller"""
    text = b"x" * MIB

    def hold():
        native.copied(text)
        native.formatted(MIB)

    hold()
    return 2 * (MIB + 1)


def line_inside_library():
    """What `getline` takes for a line of 1 MiB: a buffer of the first 4,096 bytes and an end, doubled 8 times"""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x" * MIB + b"\n")
        file.flush()
        path = file.name.encode()

        def hold():
            native.read_line(path)

        hold()
    return (4096 + 1) << 8


def by_pointer():
    """`malloc` called through a pointer from `dlsym`, as ctypes, cffi and plug-ins do"""
    malloc = ctypes.CDLL(None).malloc
    malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]

    def hold():
        malloc(16 * MIB)

    hold()
    return 16 * MIB


if __name__ == "__main__":
    print("known", globals()[sys.argv[1]]())
