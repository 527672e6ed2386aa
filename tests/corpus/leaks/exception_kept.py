"""The last errors are kept, with their tracebacks, and these with the frames and all their local variables."""

ERRORS = []


def parse(text):
    scratch = bytearray(2999)  # kept
    return int(text) + len(scratch)


def work():
    try:
        parse("not a number")
    except ValueError as error:
        ERRORS.append(error)  # kept
