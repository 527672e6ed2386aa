"""The comparison as Markdown."""

from corpus_result import UNITS

# One, and any other number.
WORDS = {
    "bytes": ("B", "B"),
    "blocks": ("block", "blocks"),
    "entries": ("entry", "entries"),
    "fds": ("descriptor", "descriptors"),
    "threads": ("thread", "threads"),
    "children": ("child process", "child processes"),
}


def number(fraction):
    """A rate for people."""
    return f"{int(fraction):,}" if fraction.denominator == 1 else f"{float(fraction):,.2f}"


def amount(least, largest, unit):
    """A rate with its unit."""
    if least == largest:
        return f"{number(least)} {WORDS[unit][least != 1]}"
    return f"{number(least)}–{number(largest)} {WORDS[unit][1]}"


def tables(expected, columns):
    """A summary, then the leaks, then the healthy programs."""
    parts = [summary(columns)]
    for kind, title in (("leak", "Leaks"), ("healthy", "Healthy programs")):
        names = [name for name in expected if expected[name].kind == kind]
        if names:
            parts.append(f"### {title}\n\n{programs(expected, columns, names, kind)}")
    notes = [f"`{each.name}` on {version}: {why}." for each in expected.values() for version, why in each.leaks_on.items()]
    return "\n\n".join([*parts, *notes])


def summary(columns):
    head = ["CPython", "leaks found", "rate right", "line or container named", "pattern right", "owner or culprit line", "healthy passed", "accused", "undecided", "unstable", "errors"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {version} | {' | '.join(counts(column))} |" for version, column in columns.items()]
    return "\n".join(lines)


def counts(column):
    """The cells of a version's line."""

    def of(kind, outcome):
        each = [judged for judged in column.values() if judged.kind == kind]
        return f"{sum(judged.outcome == outcome for judged in each)} of {len(each)}"

    def all_of(outcome):
        return str(sum(judged.outcome == outcome for judged in column.values()))

    def right(flags):
        known = [flag for flag in flags if flag is not None]
        return f"{sum(known)} of {len(known)}"

    leaks = [judged for judged in column.values() if judged.kind == "leak"]
    parts = ("is_rate_right", "is_place_right", "is_pattern_right", "is_owner_right")
    cells = [of("leak", "found"), *(right(getattr(judged, part) for judged in leaks) for part in parts)]
    cells.append(of("healthy", "passed"))
    return cells + [all_of(outcome) for outcome in ("accused", "undecided", "unstable", "error")]


def summary_line(version, column):
    """A version's line for the terminal."""
    wrong = [name for name, judged in column.items() if judged.is_wrong]
    return f"{version}: {' · '.join(counts(column))}" + (f"; wrong: {', '.join(wrong)}" if wrong else "")


def programs(expected, columns, names, kind):
    head = ["program", "what it does", *(["an iteration keeps"] if kind == "leak" else []), *columns]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name in names:
        known = [kept(expected[name])] if kind == "leak" else []
        cells = [cell(column[name]) for column in columns.values()]
        lines.append(f"| {name} | {expected[name].about.replace('|', chr(92) + '|')} | {' | '.join(known + cells)} |")
    return "\n".join(lines)


def kept(expected):
    """The known rates."""
    return ", ".join(amount(*bounds, unit) for unit, bounds in expected.rates.items()) or "–"


def cell(judged):
    """The verdict, what was found, and what of it is not right."""
    rates = [amount(rate, rate, unit) for unit, word in UNITS.items() for rate in judged.rates.get(word, [])[:1]]
    wrong = []
    if judged.is_rate_right is False:
        wrong.append("**rate**")
    if judged.is_place_right is False:
        wrong.append("**not named**")
    if judged.is_pattern_right is False:
        wrong.append("**pattern**")
    if judged.is_owner_right is False:
        wrong.append("**owner**")
    outcome = f"**{judged.outcome}**" if judged.is_wrong else judged.outcome
    why = [judged.error.replace("|", "\\|")] if judged.error else []
    return ", ".join([outcome, *why, *rates, *wrong])
