"""Packages from PyPI: amounts known by construction, or by the package's own books. `hold` is asked about."""

import ctypes
import sys
import tempfile

MIB = 1 << 20
KEPT = [None] * 4


def numpy_arithmetic():
    """numpy: three arrays of 4 Mi floats, two of them results"""
    import numpy

    numpy.ones(4) * numpy.ones(4) + 1

    def hold():
        KEPT[0] = numpy.ones(4 * MIB)
        KEPT[1] = KEPT[0] + 1
        KEPT[2] = (KEPT[0] * KEPT[1]) * 2

    hold()
    return sum(array.nbytes for array in KEPT[:3])


def numpy_memmap():
    """numpy: `memmap` of a file of 64 MiB, and a copy of its first 16 MiB; own memory is the copy"""
    import numpy

    file = tempfile.TemporaryFile()
    file.truncate(64 * MIB)
    # What a package imports at its first call is not what is asked about, here and below.
    numpy.memmap(file, dtype="u1", mode="r")

    def hold():
        KEPT[0] = numpy.memmap(file, dtype="u1", mode="r")
        KEPT[1] = numpy.array(KEPT[0][: 16 * MIB])

    hold()
    print("other", 80 * MIB)
    return 16 * MIB


def pandas_copy():
    """pandas: a frame of two columns of 2 Mi integers, and its deep copy"""
    import numpy
    import pandas

    column = numpy.arange(2 * MIB)
    pandas.DataFrame({"a": column[:2], "b": column[:2]}, copy=True).copy(deep=True)

    def hold():
        KEPT[0] = pandas.DataFrame({"a": column, "b": column + 1}, copy=True)
        KEPT[1] = KEPT[0].copy(deep=True)

    hold()
    return sum(int(frame.memory_usage(index=False).sum()) for frame in KEPT[:2])


def arrow_kept():
    """pyarrow: a buffer of 64 MiB; known from pyarrow's own books"""
    import pyarrow

    def hold():
        KEPT[0] = pyarrow.allocate_buffer(64 * MIB)

    hold()
    return pyarrow.total_allocated_bytes()


def arrow_dropped():
    """pyarrow: the same buffer, dropped"""
    import pyarrow

    def hold():
        pyarrow.allocate_buffer(64 * MIB)

    hold()
    return pyarrow.total_allocated_bytes()


def polars_kept():
    """polars: a series of 4 Mi integers"""
    import polars

    def hold():
        KEPT[0] = polars.int_range(4 * MIB, eager=True)

    hold()
    return KEPT[0].estimated_size()


def sqlalchemy_rows():
    """SQLAlchemy: 20,000 rows of 1,000 bytes in sqlite's memory; known from sqlite's own books"""
    import sqlalchemy

    engine = KEPT[0] = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
    books = ctypes.CDLL("libsqlite3.so.0").sqlite3_memory_used
    insert = sqlalchemy.text("INSERT INTO rows VALUES (:content)")
    rows = [{"content": bytes(1000)} for _ in range(20_000)]

    def write(rows):
        with engine.begin() as connection:
            connection.execute(insert, rows)

    def hold():
        write(rows)

    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE rows (content BLOB)"))
    write(rows[:2])
    before = books()
    hold()
    return books() - before


def lxml_tree():
    """lxml: a document of 200,000 elements; known from malloc's books, with its headers and rounding"""
    import native
    from lxml import etree

    text = b"<r>" + b"<e>some text that is not short</e>" * 200_000 + b"</r>"

    def hold():
        KEPT[0] = etree.fromstring(text)

    before = native.in_use()
    hold()
    return native.in_use() - before


if __name__ == "__main__":
    print("known", globals()[sys.argv[1]]())
