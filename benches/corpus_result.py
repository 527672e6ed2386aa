"""What is expected of the programs of tests/corpus/, what leakgate found, and how the two compare."""

import ast
import json
import re
import tomllib
from dataclasses import dataclass, field
from fractions import Fraction

# Units of a rate, as expected.toml and as result.json call them.
UNITS = {"bytes": "bytes", "blocks": "blocks", "entries": "entries", "fds": "descriptors", "threads": "threads", "children": "children"}
# The rule that says "leak by the protocol".
RULES = ("growth", "growth-fds", "growth-threads", "growth-children")
# A rate that was measured over some windows may be off by this part: a table that was just made larger, a tooth of a saw.
SLACK = Fraction(1, 20)
MARK = "# kept"


@dataclass
class Found:
    """What leakgate says of a scenario."""

    # pass, fail, error, undecided or unstable
    verdict: str
    # Whether a finding says that it leaks.
    leaks: bool = False
    # Unit to the rate per iteration, one for each finding that has it.
    rates: dict = field(default_factory=dict)
    # Lines as `file.py:7`, and all words, in which a container's type may stand.
    lines: set = field(default_factory=set)
    words: str = ""
    # Who keeps what leaks, with the rule that names it; and the lines that findings lead to.
    owners: list = field(default_factory=list)
    places: set = field(default_factory=set)
    error: str = ""


def read(path):
    """Scenario's name to what was found."""
    return {each["name"]: found_of(each) for each in json.loads(path.read_text())["scenarios"]}


def found_of(scenario):
    found = Found(scenario["verdict"])
    found.error = (scenario.get("error") or {}).get("title", "")
    for finding in scenario["findings"]:
        if finding["rule"] not in RULES or finding["severity"] != "error":
            continue
        found.leaks = True
        rate = finding.get("rate")
        if rate:
            found.rates.setdefault(rate["unit"], []).append(Fraction(rate["total"], rate["iterations"]))
        found.owners += [(owner["pattern"], owner["name"]) for owner in finding.get("owners", [])]
        found.places.add(spelled(finding.get("place")))
        places = [finding.get("place"), *(holder.get("place") for holder in finding.get("holders", []))]
        found.lines.update(spelled(place) for place in places if place)
        found.words += " ".join([finding["title"], *finding.get("evidence", [])]) + "\n"
    return found


def spelled(place):
    """`file.py:7`."""
    return f"{place['file']}:{place['line']}" if place else None


@dataclass
class Judged:
    """How what was found compares with what is right."""

    # leak, healthy, or interpreter: CPython itself leaks here, so that both verdicts would be true
    kind: str
    # found, missed, passed, accused, undecided, unstable, error
    outcome: str
    # Whether the rate and the place are right; `None` where there is none to compare.
    is_rate_right: bool | None = None
    is_place_right: bool | None = None
    # Whether the leak has its right name, and whether who keeps it, or the culprit's line, is named.
    is_pattern_right: bool | None = None
    is_owner_right: bool | None = None
    rates: dict = field(default_factory=dict)
    error: str = ""

    @property
    def is_wrong(self):
        """An undecided healthy program is told, and is no accusation."""
        wrong = {"leak": ("missed", "undecided", "unstable", "error"), "healthy": ("accused", "unstable", "error")}
        return self.outcome in wrong.get(self.kind, ("error",))


@dataclass
class Expected:
    """What is right for one program."""

    name: str
    kind: str
    about: str
    # Unit to the least and the largest rate per iteration.
    rates: dict
    lines: list
    container: str | None
    patterns: list
    owner: str | None
    # Versions, such as `3.12`, in which the interpreter itself leaks here, with the reason.
    leaks_on: dict

    def judge(self, found, version):
        """Compares. A scenario that is missing in the result is an error."""
        kind = "interpreter" if version.rsplit(".", 1)[0] in self.leaks_on else self.kind
        if found is None:
            return Judged(kind, "error", error="not in the result")
        if found.verdict in ("error", "undecided", "unstable"):
            return Judged(kind, found.verdict, error=found.error)
        if kind == "healthy":
            return Judged(kind, "passed" if found.verdict == "pass" else "accused", rates=found.rates)
        if not found.leaks:
            return Judged(kind, "missed")
        right = self.compare_rates(found), self.compare_place(found), self.compare_pattern(found), self.compare_owner(found)
        return Judged(kind, "found", *right, found.rates)

    def compare_rates(self, found):
        """Each unit of which both know the rate must have one that is right."""
        units = [unit for unit in self.rates if UNITS[unit] in found.rates]
        if not units:
            return None
        return all(any(is_within(rate, self.rates[unit]) for rate in found.rates[UNITS[unit]]) for unit in units)

    def compare_pattern(self, found):
        if not self.patterns:
            return None
        first = found.owners[0][0] if found.owners else None
        return first in self.patterns

    def compare_owner(self, found):
        """The name of an owner; or the culprit's line as the one that a reader is led to."""
        if not self.patterns:
            return None
        is_owner_named = bool(self.owner) and any(re.search(self.owner, name) for _, name in found.owners)
        return is_owner_named or any(line in found.places for line in self.lines)

    def compare_place(self, found):
        if not self.lines and not self.container:
            return None
        is_line_named = any(line in found.lines for line in self.lines)
        return is_line_named or bool(self.container and re.search(rf"\b{self.container}\b", found.words))


def is_within(rate, bounds):
    least, largest = bounds
    return least * (1 - SLACK) <= rate <= largest * (1 + SLACK)


def expectations(corpus):
    """All programs, leaks first, as expected.toml has them; says what is wrong with the file."""
    entries = tomllib.loads((corpus / "expected.toml").read_text())
    expected = {name: expectation(corpus, name, entry) for name, entry in entries.items()}
    return dict(sorted(expected.items(), key=lambda item: item[1].kind != "leak"))


def expectation(corpus, name, entry):
    path = corpus / entry["file"]
    text = path.read_text()
    lines = text.splitlines()
    for line in entry.get("lines", []):
        number = int(line.rsplit(":", 1)[1])
        if number > len(lines) or MARK not in lines[number - 1]:
            raise SystemExit(f"expected.toml: {name}: {line} has no `{MARK}`: the program was changed")
    rates = {unit: bounds(entry[unit]) for unit in UNITS if unit in entry}
    about = ast.get_docstring(ast.parse(text)).split("\n\n")[0].replace("\n", " ").rstrip(".")
    return Expected(
        name,
        entry["kind"],
        about,
        rates,
        entry.get("lines", []),
        entry.get("container"),
        entry.get("pattern", []),
        entry.get("owner"),
        entry.get("leaks_on", {}),
    )


def bounds(text):
    """`1/10`, or `1040..1043` where the container's own block makes it inexact."""
    least, _, largest = text.partition("..")
    return Fraction(least), Fraction(largest or least)
