"""What a heap snapshot and its views cost, beside the same done in the process with gc.get_referents and objgraph.

    python benches/heap.py LEAKGATE PYTHON...

LEAKGATE is the program, built for release; each PYTHON an interpreter. Where it can import objgraph (PYTHONPATH),
that is measured too. Prints the table that docs/benchmarks.md shows under "Heap snapshots". Each figure is the least of three.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

SIZES = (1_000_000, 5_000_000)
ROUNDS = 3

# Instances, lists, tuples, strings and numbers: a fifth of all objects each.
PROGRAM = """
import gc, os, sys, time
class Row:
    def __init__(self, number):
        self.items = [number, str(number)]
        self.pair = (self.items, number)
gc.disable()
rows = [Row(number + 100000) for number in range(int(sys.argv[1]) // 5)]
gc.enable()
gc.collect()
def highest():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
"""

SNAPSHOT = PROGRAM + """
import leakgate_memory
open("/proc/self/clear_refs", "w").write("5")
before = highest()
start = time.perf_counter()
leakgate_memory.snapshot()
print(time.perf_counter() - start, (highest() - before) * 1024)
"""

REFERENTS = PROGRAM + """
start = time.perf_counter()
seen, waiting, sizes = set(), gc.get_objects(), {}
while waiting:
    each = waiting.pop()
    if id(each) in seen: continue
    seen.add(id(each))
    count, size = sizes.get(type(each), (0, 0))
    sizes[type(each)] = (count + 1, size + sys.getsizeof(each))
    waiting.extend(gc.get_referents(each))
print(time.perf_counter() - start)
"""

OBJGRAPH = PROGRAM + """
try: import objgraph
except ImportError: sys.exit(3)
start = time.perf_counter()
objgraph.most_common_types()
objgraph.find_backref_chain(rows[-1], objgraph.is_proper_module)
print(time.perf_counter() - start)
"""


def numbers(command):
    """What a command prints; None where it exits with 3."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        sys.exit("%s: %s" % (" ".join(command[:3]), done.stderr))
    return [float(word) for word in done.stdout.split()]


def least(measure):
    rounds = [measure() for _ in range(ROUNDS)]
    return None if rounds[0] is None else min(rounds)


def snapshot(leakgate, python, size, folder):
    """Seconds in the process, bytes an object, objects, and seconds that views of it take."""
    capture = os.path.join(folder, "capture")
    taken, views = [], {}
    for _ in range(ROUNDS):
        subprocess.run(["rm", "-rf", capture], check=True)
        command = [leakgate, "run", "-q", "-o", capture, "--", python, "-c", SNAPSHOT, str(size)]
        taken.append(numbers(command))
    for view in (["types"], ["paths", "--type", "Row"]):
        def timed():
            start = time.perf_counter()
            shown = subprocess.run([leakgate, "view", *view, "--json", capture], capture_output=True, check=True)
            views["objects"] = json.loads(shown.stdout)["snapshot"]["objects"]
            return time.perf_counter() - start
        views[view[0]] = least(timed)
    return min(seconds for seconds, _ in taken), min(grown for _, grown in taken) / views["objects"], views


def seconds(value):
    return "–" if value is None else "%.2f s" % value


def main(leakgate, *pythons):
    print("| | objects | in the process | extra memory | `view types` | `view paths` | `gc.get_referents` | objgraph |")
    print("|---|---|---|---|---|---|---|---|")
    for python in pythons:
        version = subprocess.run([python, "-V"], capture_output=True, text=True).stdout.split()[1]
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                taken, memory, views = snapshot(leakgate, python, size, folder)
            referents = least(lambda: (numbers([python, "-c", REFERENTS, str(size)]) or [None])[0])
            objgraph = least(lambda: (numbers([python, "-c", OBJGRAPH, str(size)]) or [None])[0])
            objects = re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", str(views["objects"]))
            row = [version, objects, seconds(taken), "%.0f B an object" % memory, seconds(views["types"])]
            row += [seconds(views["paths"]), seconds(referents), seconds(objgraph)]
            print("| %s |" % " | ".join(row), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
