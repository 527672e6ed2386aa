"""The figures as Markdown."""

import statistics

MARKS = ("<!-- figures -->", "<!-- end of the figures -->")
MIB = 1024 * 1024
# What the tracker may add at the peak: 20 MiB and this part of the heap.
ALLOWED = (20 * MIB, 0.6)


def ratio(pairs, index):
    """The median of tracked by plain; `None` without a round."""
    return statistics.median(tracked[index] / plain[index] for plain, tracked in pairs) if pairs else None


def ratios(rows, index, unit, options):
    """Ratios of all rows, and their geometric mean. `index`: as in `measure.Taken`."""
    names = list(next(iter(rows.values())))
    lines = [f"| {unit}, × plain | plain | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    columns = {name: [] for name in names}
    for row, results in rows.items():
        plain = statistics.median(alone[index] for alone, _ in results[names[0]])
        cells = []
        for name in names:
            value = ratio(results[name], index)
            columns[name].append(value)
            cells.append("–" if value is None else f"{value:.2f}")
        lines.append(f"| {row} | {plain:.1f} s | " + " | ".join(cells) + " |")
    means = [statistics.geometric_mean(column) if None not in column else None for column in columns.values()]
    lines.append("| **geometric mean** | | " + " | ".join("–" if mean is None else f"**{mean:.2f}**" for mean in means) + " |")
    rounds = {name: max(len(results[name]) for results in rows.values()) for name in names}
    lengths = {name: statistics.median(results[name][0][0].wall for results in rows.values()) for name in names}
    told = ", ".join(f"{name} {rounds[name]} × {lengths[name]:.1f} s" for name in names)
    lines += ["", f"Rounds, and the length of a plain run beside each: {told}."]
    return "\n".join(lines)


def memory(rows):
    """Resident bytes at the peak."""
    names = list(dict.fromkeys(name for _, added in rows.values() for name in added))
    lines = ["| resident memory at the peak | heap | allowed to add | " + " | ".join(names) + " |", "|---" * (len(names) + 3) + "|"]
    for row, (heap, added) in rows.items():
        allowed = ALLOWED[0] + heap * ALLOWED[1]
        cells = [f"+{added[name] / MIB:.0f} MiB" if name in added else "–" for name in names]
        lines.append(f"| {row} | {heap / MIB:.0f} MiB | {allowed / MIB:.0f} MiB | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def starts(rows):
    """Milliseconds of CPU and of the clock."""
    names = list(next(iter(rows.values()))[1])
    lines = ["| start, CPU / wall | plain | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for row, (plain, added) in rows.items():
        cells = [f"+{added[name][0] * 1000:.0f} / +{added[name][1] * 1000:.0f} ms" for name in names]
        lines.append(f"| `{row}` | {plain[0] * 1000:.0f} / {plain[1] * 1000:.0f} ms | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def capture(size, views):
    """A large capture, and how long it takes to look at it."""
    shown = ", ".join(f"`{view}` {seconds:.2f} s" for view, seconds in views.items())
    return f"A capture of 100 million allocations at 10,000 sites takes {size / 1e6:.1f} MB. Its views, whole program: {shown}."


def put_into(file, text):
    """Replaces what stands between the marks of a file."""
    before, rest = file.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    file.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}")
