"""The functions of native.c, with their types."""

import ctypes
import os
from ctypes import CFUNCTYPE, c_char_p, c_int, c_size_t, c_ssize_t, c_void_p

LIBRARY = ctypes.CDLL(os.environ["ACCURACY_NATIVE"])


def of(name, result, *arguments):
    function = getattr(LIBRARY, name)
    function.restype, function.argtypes = result, arguments
    return function


take = of("take", c_void_p, c_size_t)
take_zeroed = of("take_zeroed", c_void_p, c_size_t, c_size_t)
resize = of("resize", c_void_p, c_void_p, c_size_t)
resize_array = of("resize_array", c_void_p, c_void_p, c_size_t, c_size_t)
give = of("give", None, c_void_p)
take_aligned = of("take_aligned", c_void_p, c_int, c_size_t, c_size_t)
map_memory = of("map", c_void_p, c_void_p, c_size_t, c_int, c_int, c_int)
unmap = of("unmap", c_int, c_void_p, c_size_t)
remap = of("remap", c_void_p, c_void_p, c_size_t, c_size_t)
protect = of("protect", c_int, c_void_p, c_size_t, c_int)
grow_break = of("grow_break", c_void_p, c_ssize_t)
copied = of("copied", c_void_p, c_char_p)
formatted = of("formatted", c_void_p, c_int)
read_line = of("read_line", c_void_p, c_char_p)
in_use = of("in_use", c_size_t)
threads_take = of("threads_take", None, c_void_p, c_size_t, c_size_t)
threads_give = of("threads_give", None)
CALLBACK = CFUNCTYPE(None)
call_in_thread = of("call_in_thread", None, CALLBACK)

NONE, READ, WRITE = 0, 1, 2
SHARED, PRIVATE, FIXED, ANONYMOUS, NORESERVE = 0x01, 0x02, 0x10, 0x20, 0x4000


def map_anonymous(size, at=None):
    """A mapping that can be written."""
    fixed = FIXED if at else 0
    return map_memory(at, size, READ | WRITE, PRIVATE | ANONYMOUS | fixed, -1)
