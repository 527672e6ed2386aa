"""The random generator is seeded anew, by number and by text, and a second one is made and thrown away."""

import random
from itertools import count

NUMBERS = count()


def work():
    number = next(NUMBERS)
    random.seed(number)
    random.seed(f"run {number}")
    return random.Random(number).random() + random.random()
