"""Marks the iterations of a program that leakgate records.

Where a program is recorded, leakgate itself puts a module of this name in this one's place; here, with nobody to tell,
nothing happens.
"""

__all__ = ["checkpoint"]


def checkpoint() -> None:
    """Say that one iteration of the program ends here."""
