"""At the seventh call a path is taken that imports three packages."""

from itertools import count

CALLS = count(1)


def work():
    if next(CALLS) == 7:
        import decimal
        import email.message
        import xml.dom.minidom

        return [decimal, email, xml]
    return None
