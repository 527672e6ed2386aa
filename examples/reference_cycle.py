"""Two nodes that point at each other: only the garbage collector frees them, and it comes late.

The collector starts after a number of new objects, however large they are. A request of 50 orders makes too few of
them, so all 50 orders stay in memory until the next collection. With a weak reference each order goes at once.
"""

import weakref

ORDERS = 50
ROWS = 100_000


class Order:
    def __init__(self):
        self.rows = bytearray(ROWS)
        self.invoice = None


class Invoice:
    def __init__(self, order):
        self.order = order


def leaky():
    for _ in range(ORDERS):
        order = Order()
        order.invoice = Invoice(order)  # order -> invoice -> order


def healthy():
    for _ in range(ORDERS):
        order = Order()
        order.invoice = Invoice(weakref.ref(order))  # order -> invoice, no way back
