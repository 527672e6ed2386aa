"""Calls only: nothing is allocated but frames."""

import sys


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


for _ in range(int(sys.argv[1])):
    fib(24)
