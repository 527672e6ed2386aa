"""The verdict on growth, on programs whose growth is known: tests/corpus/ under several CPythons.

Usage:
    python3 benches/corpus.py [--python VERSION_OR_PATH]... [--jobs N] [--only TEXT]... [--leakgate PATH] [--output FILE]

Each program of tests/corpus/ is a scenario with the defaults: leakgate runs as many iterations as it needs. What is right stands
in tests/corpus/expected.toml. The tables go to the output file, or are printed. Exit code 1 if a leak was not found, a healthy
program was accused, or a scenario could not be measured. Needs CPython 3.11 or later for itself, cc, and the headers of each CPython.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import corpus_result  # noqa: E402  (beside this file)
import corpus_tables  # noqa: E402

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "tests" / "corpus"
CONFIGURATIONS = ["leakgate.yaml", "scripts.yaml"]
VERSIONS = ["3.9", "3.10", "3.11", "3.12", "3.13"]
ABOUT = "import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3]); print(sysconfig.get_path('include')); print(sys.executable)"


class Python:
    """An interpreter: its version, its headers, its path."""

    def __init__(self, command):
        answer = subprocess.run([command, "-c", ABOUT], capture_output=True, text=True)
        if answer.returncode != 0:
            raise ValueError(f"{command} does not run: {answer.stderr.strip()}")
        self.version, self.headers, self.path = answer.stdout.splitlines()


def find_python(wanted):
    """The interpreter for `3.9` or for a path; ends the program where there is none."""
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{wanted}.*/bin/python"))
    commands = [wanted] if "/" in wanted else [f"python{wanted}", *map(str, of_pyenv)]
    for command in commands:
        try:
            return Python(command)
        except (OSError, ValueError):
            # A shim of pyenv is there for versions that are not chosen, too.
            continue
    sys.exit(f"no CPython for {wanted}; tried {', '.join(commands)}")


def build_native(python, folder):
    """The C parts, for this CPython."""
    folder.mkdir()
    for source in sorted((CORPUS / "native").glob("*.c")):
        flags = ["-shared", "-fPIC", "-O1", "-g", "-I", python.headers]
        subprocess.run(["cc", *flags, "-o", folder / f"{source.stem}.so", source], check=True)


def prepare(python, folder, jobs):
    """A copy of the corpus that uses this CPython, so that runs of several do not meet."""
    shutil.copytree(CORPUS, folder, ignore=shutil.ignore_patterns("__pycache__", ".leakgate"))
    build_native(python, folder / "built")
    for name in CONFIGURATIONS:
        text = (folder / name).read_text()
        own = f"version: 1\npython: {python.path}\n"
        text = text.replace("version: 1\n", own, 1)
        if jobs:
            text = text.replace("defaults:\n", f"defaults:\n  jobs: {jobs}\n", 1)
        (folder / name).write_text(text)


def environment(python, folder):
    """What the programs need: the C parts, and this CPython as `python`."""
    own = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME")}
    own["CORPUS_NATIVE"] = str(folder / "built")
    own["PATH"] = f"{Path(python.path).parent}:{own['PATH']}"
    return own


def check(leakgate, python, folder, names):
    """Runs the scenarios of these names; gives what came of each."""
    found = {}
    for configuration in CONFIGURATIONS:
        chosen = [name for name in names if f"\n  {name}:\n" in (folder / configuration).read_text()]
        if not chosen:
            continue
        output = folder / f"results-{Path(configuration).stem}"
        command = [leakgate, "check", "--config", folder / configuration, "--output-dir", output, *chosen]
        done = subprocess.run(command, env=environment(python, folder), cwd=folder, capture_output=True, text=True)
        if (output / "result.json").is_file():
            found.update(corpus_result.read(output / "result.json"))
        else:
            # Its scenarios are errors; what the others came to is not thrown away.
            said = f"{done.stdout}{done.stderr}"
            print(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}", file=sys.stderr)
    return found


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", metavar="VERSION", help=f"a version or a path; by default {', '.join(VERSIONS)}")
    parser.add_argument("--jobs", type=int, metavar="N", help="scenarios at a time; by default leakgate's own choice")
    parser.add_argument("--only", action="append", metavar="TEXT", help="the programs in whose name this stands")
    parser.add_argument("--leakgate", default=HERE.parent / "target/release/leakgate", type=Path, help="the program")
    parser.add_argument("--output", type=Path, help="a file for the tables; else they are printed")
    return parser.parse_args()


def main():
    options = arguments()
    if not options.leakgate.is_file():
        sys.exit(f"{options.leakgate} is missing: build it with `cargo build --release`, or name it with --leakgate")
    expected = corpus_result.expectations(CORPUS)
    names = [name for name in expected if not options.only or any(text in name for text in options.only)]
    if not names:
        sys.exit(f"no program's name contains {' or '.join(options.only)}")
    columns = {}
    with tempfile.TemporaryDirectory() as folder:
        for python in map(find_python, options.python or VERSIONS):
            own = Path(folder) / python.version
            prepare(python, own, options.jobs)
            found = check(options.leakgate.resolve(), python, own, names)
            columns[python.version] = {name: expected[name].judge(found.get(name), python.version) for name in names}
            print(corpus_tables.summary_line(python.version, columns[python.version]), file=sys.stderr, flush=True)
    text = corpus_tables.tables({name: expected[name] for name in names}, columns)
    system = f"Linux {platform.release()}, {' '.join(platform.libc_ver())}."
    if options.output:
        options.output.write_text(f"{system}\n\n{text}\n")
    else:
        print(f"{system}\n\n{text}")
    if any(judged.is_wrong for column in columns.values() for judged in column.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
