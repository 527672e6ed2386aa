"""Texts to objects and back, in C code."""

import json
import sys

text = json.dumps([{"sku": "A-%d" % n, "price": n / 7, "tags": ["a", "b", str(n)], "stock": {"x": n}} for n in range(500)])
for _ in range(int(sys.argv[1])):
    text = json.dumps(json.loads(text))
