"""docs/security.md: each sentence names its test, and the test is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(test_\w+)`", PAGE)


def test_every_test_that_the_page_names_is_there() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert NAMED
    assert set(NAMED) - there == set()


def test_whatever_somebody_can_or_cannot_do_has_its_test() -> None:
    sections = re.findall(r"^## Somebody .*?(?=^## )", PAGE, re.DOTALL | re.MULTILINE)
    points = [point for section in sections for point in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]

    assert points
    assert [point for point in points if "`test_" not in point] == []
