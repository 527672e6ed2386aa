"""Writes the workflows that a page shows into files, so that they can be checked as workflows are: `snippets.py PAGE FOLDER`.

A block of steps alone is added to the first workflow, as its reader does.
"""

import re
import sys
from pathlib import Path

COMMIT = "0" * 40


def main(page: str, folder: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", Path(page).read_text(encoding="utf-8"), re.DOTALL)
    workflows = [block for block in blocks if re.search(r"^jobs:$", block, re.MULTILINE)]
    steps = [block for block in blocks if block.startswith("      - ")]
    if not workflows or not steps:
        raise SystemExit(f"snippets: error: {page} has {len(workflows)} workflows and {len(steps)} blocks of steps")
    workflows[0] += "".join(steps)
    target = Path(folder, ".github", "workflows")
    target.mkdir(parents=True, exist_ok=True)
    for number, workflow in enumerate(workflows, start=1):
        text = workflow.replace("OWNER/", "owner/").replace("@COMMIT", f"@{COMMIT}")
        (target / f"{Path(page).stem}-{number}.yml").write_text(text, encoding="utf-8")


main(*sys.argv[1:])
