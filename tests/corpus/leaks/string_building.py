"""A text that is put together and never taken: one block that gets 40 bytes longer with every call, and no container."""

PART = "forty characters, as a line of a report\n"
text = ""


def work():
    global text
    text += PART  # kept
