"""A function is wrapped anew with every call, as a plugin does that is installed twice: wrappers of wrappers of wrappers."""


def send(message):
    return len(message)


def wrap(function):  # kept
    def wrapper(message):  # kept
        return function(message)

    return wrapper


handler = send


def work():
    global handler
    handler = wrap(handler)
