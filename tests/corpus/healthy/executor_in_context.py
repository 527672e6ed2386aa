"""A pool of three threads with every call, shut down at its end."""

from concurrent.futures import ThreadPoolExecutor


def work():
    with ThreadPoolExecutor(max_workers=3) as pool:
        return sum(pool.map(len, [b"one", b"two", b"three"] * 3))
