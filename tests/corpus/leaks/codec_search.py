"""A search function for codecs is registered with every call: the interpreter keeps them in a list that no module has."""

import codecs


def work():
    codecs.register(lambda name: None)  # kept
