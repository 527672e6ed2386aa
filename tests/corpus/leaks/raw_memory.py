"""`PyMem_RawMalloc` without its free, as an extension does that keeps a buffer per call."""

import ctypes

ALLOCATE = ctypes.pythonapi.PyMem_RawMalloc
ALLOCATE.restype = ctypes.c_void_p
ALLOCATE.argtypes = [ctypes.c_size_t]


def work():
    ALLOCATE(96)  # kept
