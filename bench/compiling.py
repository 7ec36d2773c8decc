"""Measure: what it costs to compile a directory of runbooks as the bridge does it, in a child process, against parsing
their YAML and Markdown alone, in processor time.
"""

import re
import statistics
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import process_time

import yaml
from markdown_it import MarkdownIt

from runmend.runbook.loader import Catalog

RUNBOOKS = Path(__file__).parents[1] / "runbooks"


def measure(count: int, rounds: int) -> None:
    """Compile `count` copies of the shipped runbooks, each with an id and an alert of its own, and say what it took."""
    with TemporaryDirectory() as folder:
        texts = copies(count)
        for number, text in enumerate(texts):
            (Path(folder) / f"{number}.md").write_text(text, encoding="utf-8")
        pairs = [(compiled(Path(folder), count), parsed(texts)) for _ in range(rounds)]
    for ours, alone in pairs:
        print(f"{count} runbooks: {ours:.2f} s of processor time; YAML and Markdown alone {alone:.2f} s")
    print(f"median ratio: {statistics.median(ours / alone for ours, alone in pairs):.2f}")


def copies(count: int) -> list[str]:
    """The shipped runbooks, over and over."""
    shipped = [file.read_text(encoding="utf-8") for file in sorted(RUNBOOKS.glob("RB_*.md"))]
    return [_named(shipped[number % len(shipped)], f"RB_{number}") for number in range(count)]


def _named(text: str, name: str) -> str:
    text = re.sub(r"^runbook_id: .*$", f"runbook_id: {name}", text, count=1, flags=re.MULTILINE)
    return re.sub(r"^alertname:.*\n(?:[ -].*\n)*", f"alertname: {name}\n", text, count=1, flags=re.MULTILINE)


def compiled(folder: Path, count: int) -> float:
    """The processor time of this process and its child, the child's start included."""
    before = _used()
    loaded = len(Catalog(folder, isolated=True).plans)
    if loaded != count:
        raise SystemExit(f"bench: error: {loaded} of {count} runbooks were compiled; the rest took too long")
    return _used() - before


def parsed(texts: list[str]) -> float:
    """The processor time of the two parsers."""
    markdown = MarkdownIt("commonmark").enable("table")
    before = process_time()
    for text in texts:
        _, header, body = text.split("---\n", 2)
        yaml.safe_load(header)
        markdown.parse(body)
    return process_time() - before


def _used() -> float:
    return sum(used.ru_utime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))
