"""A heap of small Python objects: so many rows of a dictionary, a string, a float and a list, alive together."""

import sys

rows = [{"sku": "A-%d" % n, "price": n / 7, "stock": [n, n + 1]} for n in range(int(sys.argv[1]))]
