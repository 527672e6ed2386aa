"""Compares two runs of CPython's own tests (`python -m test --junit-xml`): every test must have come out the same.

Usage: compare_outcomes.py PLAIN.xml TRACKED.xml
"""

import sys
import xml.etree.ElementTree


def outcomes(path):
    """Test name to outcome."""
    found = {}
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        kinds = sorted(child.tag for child in case if child.tag in ("error", "failure", "skipped"))
        found[case.get("name")] = " ".join(kinds) or case.get("result", "completed")
    return found


def main():
    plain, tracked = (outcomes(path) for path in sys.argv[1:3])
    if not plain:
        sys.exit("the plain run has no test")
    different = [name for name in sorted(set(plain) | set(tracked)) if plain.get(name) != tracked.get(name)]
    for name in different:
        print(f"{name}: plain {plain.get(name, 'not run')}, tracked {tracked.get(name, 'not run')}")
    print(f"{len(plain)} tests, {len(different)} came out differently")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
