"""Four threads that make and drop small dicts."""

import sys
import threading


def work(rounds):
    for _ in range(rounds):
        rows = [{"a": n, "b": str(n)} for n in range(1000)]
        rows.clear()


threads = [threading.Thread(target=work, args=(int(sys.argv[1]),)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
