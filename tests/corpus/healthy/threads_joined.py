"""Three threads with every call, all joined."""

import threading


def fill(found, number):
    found.append(bytes(number * 1000))


def work():
    found = []
    threads = [threading.Thread(target=fill, args=(found, number)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(found)
