"""Texts from outside: nothing in them is obeyed by a terminal, and nothing of them is lost."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.core.printable import in_one_line, printable


@given(st.text(st.characters()))
def test_what_is_printable_has_no_character_that_a_terminal_obeys(text: str) -> None:
    kept = {char for char in printable(text) if not char.isprintable()}
    assert {unicodedata.category(char) for char in kept - {"\n", "\t"}} <= {"Zs"}
    assert not {"\x1b", "\x07", "\x08", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff"} & {
        *printable(text),
        *in_one_line(text),
    }
    assert "\n" not in in_one_line(text)
    assert printable(printable(text)) == printable(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_stays_json_and_means_the_same(text: str) -> None:
    written = json.dumps({"a": text}, indent=2, ensure_ascii=False)

    assert json.loads(printable(written)) == {"a": text}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web\x1b[31m", r"web\u001b[31m"),
        ("a\u202eb", r"a\u202eb"),
        ("a\r\nb\tc", "a\\r\nb\tc"),
        ("\udcff.md", r"\udcff.md"),
        ("Grüße, 世界 ✓\u00a0→", "Grüße, 世界 ✓\u00a0→"),
    ],
)
def test_what_cannot_be_printed_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
