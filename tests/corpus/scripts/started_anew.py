"""A program that is started several times: it reads a table, works on it, and holds the same amount each time."""

table = {number: bytes(1000) for number in range(2000)}
total = sum(len(value) for value in table.values())
assert total == 2_000_000
