"""A temporary file with a name and a folder with a file, both gone at the end of the call."""

import os
import tempfile


def work():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x" * 10_000)
        file.flush()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "part"), "wb") as part:
            part.write(b"y" * 1000)
