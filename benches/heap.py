"""What a heap snapshot and its views cost, beside the same done in the process with gc.get_referents and objgraph.

    python benches/heap.py LEAKGATE PYTHON...

LEAKGATE is the program, built for release; each PYTHON an interpreter. Where it can import objgraph (PYTHONPATH),
that is measured too: counts by type, and one way from a module to one object. Prints the table that docs/benchmarks.md
shows under "Heap snapshots". Each figure is the least of three; those in Python are CPU time, measured once, for the smaller heap.
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

# Objects, references, sizes, counts by type, shortest ways from the modules, dominators and retained sizes.
REFERENTS = PROGRAM + """
gc.disable()
start = time.process_time()
objects = [sys.modules] + gc.get_objects()
places = {id(each): place for place, each in enumerate(objects)}
references = []
for each in objects:
    found = []
    for other in gc.get_referents(each):
        place = places.get(id(other))
        if place is None:
            place = places[id(other)] = len(objects)
            objects.append(other)
        found.append(place)
    references.append(found)
sizes = [sys.getsizeof(each) for each in objects]
counts = {}
for each, size in zip(objects, sizes):
    count, total = counts.get(type(each), (0, 0))
    counts[type(each)] = (count + 1, total + size)
way, queue = {0: None}, [0]
for place in queue:
    for other in references[place]:
        if other not in way:
            way[other] = place
            queue.append(other)
number, order, parents = [-1] * len(objects), [-1], [0]
for root in range(len(objects)):
    if number[root] >= 0: continue
    stack = [(root, 0)]
    while stack:
        place, parent = stack.pop()
        if number[place] >= 0: continue
        own = number[place] = len(order)
        order.append(place); parents.append(parent)
        for other in references[place]:
            if number[other] < 0: stack.append((other, own))
before = [[] for _ in order]
for place, found in enumerate(references):
    for other in found: before[number[other]].append(number[place])
for own, parent in enumerate(parents):
    if parent == 0: before[own].append(0)
semi, best, links = list(range(len(order))), list(range(len(order))), parents[:]
def least(at, last):
    path = []
    while links[at] > last:
        path.append(at); at = links[at]
    for below in reversed(path):
        above = links[below]
        if semi[best[above]] < semi[best[below]]: best[below] = best[above]
        links[below] = links[above]
    return best[path[0] if path else at]
for own in range(len(order) - 1, 0, -1):
    semi[own] = min([parents[own]] + [other if other <= own else semi[least(other, own)] for other in before[own]])
dominators = parents[:]
for own in range(1, len(order)):
    while dominators[own] > semi[own]: dominators[own] = dominators[dominators[own]]
retained = [0] + [sizes[place] for place in order[1:]]
for own in range(len(order) - 1, 0, -1): retained[dominators[own]] += retained[own]
print(time.process_time() - start)
"""

OBJGRAPH = PROGRAM + """
try: import objgraph
except ImportError: sys.exit(3)
start = time.process_time()
objgraph.most_common_types()
objgraph.find_backref_chain(rows[-1], objgraph.is_proper_module)
print(time.process_time() - start)
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
    print("| | objects | in the process | extra memory | `view types` | `view paths` | all of it in Python, `gc.get_referents` | objgraph |")
    print("|---|---|---|---|---|---|---|---|")
    for python in pythons:
        version = subprocess.run([python, "-V"], capture_output=True, text=True).stdout.split()[1]
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                taken, memory, views = snapshot(leakgate, python, size, folder)
            referents = objgraph = None
            if size == SIZES[0]:
                referents = (numbers([python, "-c", REFERENTS, str(size)]) or [None])[0]
                objgraph = (numbers([python, "-c", OBJGRAPH, str(size)]) or [None])[0]
            objects = re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", str(views["objects"]))
            row = [version, objects, seconds(taken), "%.0f B an object" % memory, seconds(views["types"])]
            row += [seconds(views["paths"]), seconds(referents), seconds(objgraph)]
            print("| %s |" % " | ".join(row), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
