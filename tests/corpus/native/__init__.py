"""Loads the C parts. `CORPUS_NATIVE` names the folder with `blocks.so` and `lostref.so`, built from the files beside this one:

cc -shared -fPIC -O1 -I INCLUDE -o FOLDER/NAME.so NAME.c

INCLUDE holds the headers of the CPython that runs the programs.
"""

import ctypes
import importlib.util
import os


def library(name):
    """A C library."""
    return ctypes.CDLL(path_of(name))


def extension(name):
    """An extension module."""
    spec = importlib.util.spec_from_file_location(name, path_of(name))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def path_of(name):
    folder = os.environ.get("CORPUS_NATIVE")
    if not folder:
        raise RuntimeError("CORPUS_NATIVE does not name the folder of the built C parts")
    return os.path.join(folder, name + ".so")
