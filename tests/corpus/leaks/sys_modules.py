"""Plugins are run as modules of a new name each, and every one stays in `sys.modules`."""

import sys
import types
from itertools import count

NUMBERS = count(1)
SOURCE = compile("limit = 5\ndef run(order):\n    return order + limit\n", "<plugin>", "exec")


def work():
    name = f"plugin_{next(NUMBERS)}"
    module = types.ModuleType(name)  # kept
    exec(SOURCE, module.__dict__)  # kept
    sys.modules[name] = module  # kept
    return module.run(1)
