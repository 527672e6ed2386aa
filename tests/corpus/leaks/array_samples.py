"""A sample a call in an `array`: eight bytes, in one block that grows."""

from array import array

SAMPLES = array("d")


def work():
    SAMPLES.append(0.5)  # kept
