"""One program of the installed package pyperformance, run as a script: its workload so many times.

Usage: suite.py NAME ROUNDS. What measures there is replaced: it would start processes of its own.
"""

import argparse
import importlib.util
import runpy
import sys
from pathlib import Path

import pyperf


class Runner:
    """Stands in for `pyperf.Runner`: runs the workload `rounds` times, and measures nothing."""

    rounds = 1

    def __init__(self, *_, **__):
        self.metadata = {}
        self.argparser = argparse.ArgumentParser()

    def parse_args(self):
        return self.argparser.parse_args([])

    def bench_func(self, _, function, *arguments, **__):
        for _ in range(self.rounds):
            function(*arguments)

    def bench_time_func(self, _, function, *arguments, **__):
        function(self.rounds, *arguments)


name, Runner.rounds = sys.argv[1], int(sys.argv[2])
pyperf.Runner = Runner
package = Path(importlib.util.find_spec("pyperformance").origin).parent
sys.argv = [name]
runpy.run_path(str(package / f"data-files/benchmarks/bm_{name}/run_benchmark.py"), run_name="__main__")
