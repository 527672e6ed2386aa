"""A worker that takes one order after the other, and says itself where each ends: `checkpoints: program`."""

import sys

try:
    from leakgate_memory import checkpoint
except ImportError:
    # Not tracked: there is nobody to tell.
    def checkpoint():
        pass


ANSWERS = {}


def handle(order, most):
    """Remembers its answer, in case the same order comes again."""
    ANSWERS[order] = b"confirmed " * 100
    if most is not None and len(ANSWERS) > most:
        # The oldest.
        del ANSWERS[next(iter(ANSWERS))]


def main(which):
    for order in range(2000):
        handle(order, None if which == "leaky" else 100)
        checkpoint()


if __name__ == "__main__":
    main(sys.argv[1])
