"""A buffer takes 700 bytes with every call and is trimmed at its front when it has more than 16 KiB."""

BUFFER = bytearray()


def work():
    BUFFER.extend(bytes(700))
    if len(BUFFER) > 16 * 1024:
        with memoryview(BUFFER) as view:
            lines = bytes(view[:15_000]).count(0)
        del BUFFER[:lines]
