"""A query with every call. The connection keeps weak references to its cursors and prunes them every 200 (until CPython 3.10), and statements in a cache."""

import sqlite3
from itertools import count

NUMBERS = count()
DATABASE = sqlite3.connect(":memory:", check_same_thread=False)
DATABASE.execute("create table orders (number integer primary key, item text)")


def work():
    number = next(NUMBERS) % 50
    DATABASE.execute("insert or replace into orders values (?, ?)", (number, "item"))
    return DATABASE.execute("select item from orders where number = ?", (number,)).fetchall()
