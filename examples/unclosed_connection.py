"""A connection that is opened by every call and never closed, and one that is."""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing

BUSY = []  # connections that are in use
folder = None


def make_shop():
    """`setup`: a database in a temporary folder."""
    global folder
    folder = tempfile.mkdtemp()
    with closing(connect()) as connection:
        connection.execute("CREATE TABLE orders (sku TEXT)")
        connection.commit()


def remove_shop():
    """`teardown`."""
    shutil.rmtree(folder)


def connect():
    return sqlite3.connect(os.path.join(folder, "shop.db"))


def orders_in(connection):
    return connection.execute("SELECT count(*) FROM orders").fetchone()


def leaky():
    connection = connect()
    BUSY.append(connection)  # nobody ever gives it back
    return orders_in(connection)


def healthy():
    with closing(connect()) as connection:
        return orders_in(connection)
