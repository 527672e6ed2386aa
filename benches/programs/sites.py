"""So many rounds of 10,000 allocations, each from a line of its own."""

import sys

LINES = 10_000
names = {"rounds": int(sys.argv[1])}
exec(compile("def work():\n for _ in range(rounds):\n" + "  object()\n" * LINES + "work()\n", "sites", "exec"), names)
