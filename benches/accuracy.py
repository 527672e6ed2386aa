"""leakgate and memray side by side, on programs whose amounts are known by construction.

Usage:
    python3 benches/accuracy.py --setup FOLDER                    # once: an environment with memray and the packages
    FOLDER/bin/python benches/accuracy.py [--leakgate PATH] [--only TEXT] [--output FILE]
    python3 benches/accuracy.py --alone [--only TEXT]             # leakgate alone, needs no package; exit code 1 if it is wrong

Each program of benches/accuracy/ prints the figure that it knows. The same question is asked of leakgate, of memray as it is
by default and of memray with --trace-python-allocators: what did this function hold, at the peak or at the end?
A figure is "exact" when it is equal to the byte, "right" when it is within what cases.py allows. gcc has to be there, for the few
functions that are C.
"""

import argparse
import ast
import fnmatch
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "accuracy"
sys.path.insert(0, str(PROGRAMS))
sys.dont_write_bytecode = True

import compare  # noqa: E402  (beside this file)
from cases import GROUPS  # noqa: E402  (it lies beside the programs)

PACKAGES = ["memray", "numpy", "pandas", "pyarrow", "polars", "sqlalchemy", "lxml", "greenlet"]
TOOLS = ["leakgate", "memray", "memray, objects"]


@dataclass
class Site:
    """What both tools say of one allocating stack."""

    size: int
    blocks: int
    by_main: bool
    # Names of Python functions, innermost first.
    functions: list
    # How many of them there are, where fewer are shown.
    depth: int


def sites_of_leakgate(folder, moment, leakgate):
    """The sites of all processes of a capture."""
    for path in Path(folder, "capture").glob("process-*.lgp"):
        pid = path.name.split("-")[1]
        command = [leakgate, "view", "table", "--json", "--threads", "--limit", str(2**31), "--at", moment]
        command += ["--process", pid, path.parent]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for site in json.loads(answer)["sites"]:
            functions = [frame["function"] for frame in site["stack"] if frame["kind"] == "python"]
            depth = site["frames"] - len(site["stack"]) + len(functions)
            by_main = all(thread["name"] == "main" for thread in site["threads"])
            yield Site(site["bytes"], site["blocks"], by_main, functions, depth)


def sites_of_memray(folder, moment, _leakgate):
    """The sites of all processes' files."""
    import memray

    for path in Path(folder).glob("out.bin*"):
        with memray.FileReader(path) as reader:
            if moment == "peak":
                records = reader.get_high_watermark_allocation_records(merge_threads=False)
            else:
                records = reader.get_leaked_allocation_records(merge_threads=False)
            main = reader.metadata.main_thread_id
            for record in records:
                functions = own_functions(record.stack_trace())
                yield Site(record.size, record.n_allocations, record.tid == main, functions, len(functions))


def own_functions(stack):
    """The functions of a stack, without those through which memray runs the program."""
    ends = [at for at, (function, _, _) in enumerate(stack) if function == "<module>"]
    return [function for function, _, _ in stack[: ends[0] + 1 if ends else None]]


def is_meant(site, case):
    """Is this site part of what the case asks about?"""
    if not case.function:
        return not site.by_main
    functions = site.functions[:1] if case.innermost else site.functions
    return any(is_named(function, case.function) for function in functions)


def is_named(function, pattern):
    """From CPython 3.11 on, the names of the functions around it stand before it."""
    return fnmatch.fnmatchcase(function.rsplit(".", 1)[-1], pattern)


def figure(sites, case):
    """The answer to the case's question."""
    meant = [site for site in sites if is_meant(site, case)]
    if case.unit == "bytes":
        return sum(site.size for site in meant)
    if case.unit == "blocks":
        return sum(site.blocks for site in meant)
    if case.unit == "names":
        return len({site.functions[0] for site in meant})
    return max((site.depth for site in meant), default=0)


def command_of(tool, case, folder, leakgate):
    """The command line that records the case's program."""
    work = [str(PROGRAMS / f"{case.program}.py"), case.course]
    if tool == "leakgate":
        return [leakgate, "run", "-q", "-o", f"{folder}/capture", "--", sys.executable, *work]
    objects = ["--trace-python-allocators"] if tool == "memray, objects" else []
    return [sys.executable, "-m", "memray", "run", "-q", "-o", f"{folder}/out.bin", *objects, *case.memray, *work]


def printed(output, word):
    """The number after this word in what a program printed."""
    numbers = [int(line.split()[1]) for line in output.splitlines() if line.startswith(f"{word} ")]
    return numbers[0] if numbers else None


def ask(tool, case, leakgate, library):
    """What the program knows, the figure by the other definition if it has one, and the tool's."""
    environment = {**os.environ, **case.environment, "ACCURACY_NATIVE": library, "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        command = command_of(tool, case, folder, leakgate)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
        known = printed(done.stdout, "known")
        if known is None:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        read = sites_of_leakgate if tool == "leakgate" else sites_of_memray
        try:
            found = figure(list(read(folder, case.moment, leakgate)), case)
        except Exception as error:
            print(f"{tool}, {case.program} {case.course}: {error}", file=sys.stderr)
            found = None
    return known, printed(done.stdout, "other"), found


def shown(number, unit):
    """An amount for people; a round one loses nothing."""
    if unit != "bytes":
        return f"{number:,}"
    for name, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= size:
            return f"{number // size} {name}" if number % size == 0 else f"{number:,} B"
    return f"{number:,} B"


def judged(case, known, found):
    """`exact`, `right` within what the books allow, else `off`."""
    if found is None:
        return "off"
    if found == known:
        return "exact"
    return "right" if is_close(case, known, found) else "off"


def is_close(case, known, found):
    return found is not None and abs(found - known) <= known * case.slack


def cell(case, known, found):
    if found is None:
        return "no figure"
    verdict = judged(case, known, found)
    if verdict == "right":
        return f"right, {'+' if found > known else '−'}{shown(abs(found - known), case.unit)}"
    return "exact" if verdict == "exact" else shown(found, case.unit)


def right_ones(verdicts, others):
    """Who is right, in a word."""
    good = [tool for tool, verdict in verdicts.items() if verdict != "off"]
    if len(good) == len(verdicts):
        return "both"
    if all(others[tool] or tool in good for tool in verdicts):
        return "both, by their definitions"
    return " and ".join(good) if good else "none"


def reasons(case, verdicts):
    """Why those that differ do so, each reason once."""
    texts = []
    for tool, verdict in verdicts.items():
        if verdict == "off":
            family = "memray" if tool != "leakgate" else tool
            texts.append(case.why.get(tool) or case.why.get(family) or f"{tool}: not explained yet")
    return "; ".join(dict.fromkeys(texts))


def docstring(case):
    """What the table says of a program."""
    tree = ast.parse((PROGRAMS / f"{case.program}.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    return ast.get_docstring(functions[case.course]).rstrip(".")


def row(case, tools, leakgate, library):
    """A line of the table, and the verdict on each tool."""
    answers = {tool: ask(tool, case, leakgate, library) for tool in tools}
    # Each run knows its own: a version of a package may take more the one time than the other.
    verdicts = {tool: judged(case, known, found) for tool, (known, _, found) in answers.items()}
    others = {tool: other is not None and is_close(case, other, found) for tool, (_, other, found) in answers.items()}
    text = docstring(case) + "".join(f" (`{name}={value}`)" for name, value in case.environment.items())
    known = answers["leakgate"][0]
    cells = [cell(case, known, found) for known, _, found in answers.values()]
    question = f"{shown(known, case.unit)} {'' if case.unit == 'bytes' else case.unit}".strip() + f", {case.moment}"
    program = f"[{case.program}](../benches/accuracy/{case.program}.py) {case.course}"
    line = [program, text, question, *cells, right_ones(verdicts, others), reasons(case, verdicts)]
    return "| " + " | ".join(line) + " |", verdicts


def is_chosen(case, texts):
    return not texts or any(text in f"{case.program} {case.course}" for text in texts)


def tables(options, library):
    """The Markdown tables, and all verdicts."""
    texts, verdicts = [], []
    leakgate, tools = str(options.leakgate.resolve()), TOOLS[:1] if options.alone else TOOLS
    for group, cases in GROUPS.items():
        lines = []
        for case in (case for case in cases if is_chosen(case, options.only)):
            line, verdict = row(case, tools, leakgate, library)
            print(line, file=sys.stderr)
            lines.append(line)
            verdicts.append(verdict)
        if lines:
            head = ["program", "what it does", "known", *tools, "right", "why the others differ"]
            texts.append("\n".join([f"### {group}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]))
    return texts, verdicts


def summary(verdicts):
    """How often each was right."""
    counts = (f"{tool} {sum(each[tool] != 'off' for each in verdicts)}" for tool in verdicts[0])
    return f"Right, of {len(verdicts)}: {', '.join(counts)}."


def build_library(folder):
    """The functions that are C."""
    path = f"{folder}/native.so"
    flags = ["-shared", "-fPIC", "-O0", "-fno-builtin", "-pthread"]
    subprocess.run(["gcc", *flags, PROGRAMS / "native.c", "-o", path], check=True)
    return path


def versions(packages):
    """What was compared, on what."""
    names = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    system = f"CPython {platform.python_version()}", f"Linux {platform.release()}", " ".join(platform.libc_ver())
    return ", ".join([*system, *names]) + "."


def set_up(folder):
    """An environment with the tools and the packages."""
    venv.create(folder, with_pip=True)
    python = Path(folder) / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    print(f"now run: {python} benches/accuracy.py")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", metavar="FOLDER", help="make an environment with memray and the packages, and end")
    parser.add_argument("--leakgate", default=HERE.parent / "target/release/leakgate", type=Path, help="the program")
    parser.add_argument("--only", action="append", metavar="TEXT", help="the rows in whose program and function this stands")
    parser.add_argument("--output", type=Path, help="a file for the tables; else they are printed")
    parser.add_argument("--alone", action="store_true", help="ask leakgate alone; exit with 1 where it is wrong")
    return parser.parse_args()


def main():
    options = arguments()
    if options.setup:
        return set_up(options.setup)
    packages = [] if options.alone else PACKAGES
    compare.check_tools(options.leakgate, packages)
    with tempfile.TemporaryDirectory() as folder:
        texts, verdicts = tables(options, build_library(folder))
    if not verdicts:
        sys.exit(f"no row contains {' or '.join(options.only)}")
    text = "\n\n".join([versions(packages), summary(verdicts), *texts])
    if options.output:
        options.output.write_text(text + "\n")
    else:
        print(text)
    if options.alone and any(each["leakgate"] == "off" for each in verdicts):
        sys.exit(1)


if __name__ == "__main__":
    main()
