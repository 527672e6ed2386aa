"""A model whose loading takes 200 MiB outside Python, and one that leaves its weights in the file.

Run it (`python3 big_model.py`) to see what Python's own tracer makes of it: next to nothing.
"""

import mmap
import os
import sqlite3
import tempfile
import tracemalloc

LAYERS = 200
LAYER = 1024 * 1024  # bytes
path = None


class Model:
    """A file mapping with the weights and a database in memory that tells about layers."""

    def __init__(self):
        with open(path, "rb") as file:
            self.weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.database = sqlite3.connect(":memory:")
        self.database.execute("CREATE TABLE layers (number INTEGER, content BLOB)")

    def add(self, number, content):
        self.database.execute("INSERT INTO layers VALUES (?, ?)", (number, content))


def write_weights():
    """`setup`: the file of the weights."""
    global path
    handle, path = tempfile.mkstemp(suffix=".weights")
    os.ftruncate(handle, LAYERS * LAYER)
    os.close(handle)


def remove_weights():
    """`teardown`."""
    os.remove(path)


def leaky():
    """Copies all weights into the database."""
    model = Model()
    with memoryview(model.weights) as weights:
        for number in range(LAYERS):
            with weights[number * LAYER : (number + 1) * LAYER] as layer:
                model.add(number, layer)
    return model


def healthy():
    """Notes where each layer begins; its weights are read from the mapping when they are wanted."""
    model = Model()
    for number in range(LAYERS):
        model.add(number, number * LAYER)
    return model


def main():
    write_weights()
    tracemalloc.start()
    try:
        model = leaky()
        held, peak = tracemalloc.get_traced_memory()
        rows = model.database.execute("SELECT count(*), sum(length(content)) FROM layers").fetchone()
        print("loaded:      %d layers, %d bytes" % rows)
        print("tracemalloc: %d bytes held, %d bytes at the peak" % (held, peak))
    finally:
        remove_weights()


if __name__ == "__main__":
    main()
