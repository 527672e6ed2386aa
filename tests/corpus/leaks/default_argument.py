"""The default value of an argument is one list for all calls."""


def collect(item, into=[]):
    into.append(item)  # kept
    return into


def work():
    return len(collect(object()))  # kept
