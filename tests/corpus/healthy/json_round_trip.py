"""A document goes through `json` and back, with keys that differ from call to call."""

import json
from itertools import count

NUMBERS = count()


def work():
    number = next(NUMBERS)
    rows = [{f"key{number % 97}": row, "text": "é" * 10, "value": row / 3} for row in range(40)]
    return json.loads(json.dumps(rows, indent=1))
