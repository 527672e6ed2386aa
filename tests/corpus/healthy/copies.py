"""Deep copies and pickles of a structure with shared parts and a cycle."""

import copy
import pickle

SHARED = [bytes(100)] * 3
TREE = {"left": SHARED, "right": [SHARED, SHARED]}
TREE["self"] = TREE


def work():
    return len(copy.deepcopy(TREE)) + len(pickle.loads(pickle.dumps(TREE)))
