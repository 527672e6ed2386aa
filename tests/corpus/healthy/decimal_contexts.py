"""Decimal numbers under local contexts of changing precision."""

from decimal import Decimal, localcontext
from itertools import count

NUMBERS = count()


def work():
    with localcontext() as context:
        context.prec = 10 + next(NUMBERS) % 60
        return Decimal(1) / Decimal(7) + Decimal(2).sqrt()
