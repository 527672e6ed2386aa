"""No container gets longer than ten: every ten calls a new short list is begun, and the one before is linked from it."""

page = [None]


def work():
    global page
    if len(page) == 10:
        page = [page]
    page.append(bytes(300))  # kept
