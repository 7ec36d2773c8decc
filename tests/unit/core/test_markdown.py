"""Texts from outside in Markdown: whatever they hold, they are shown as they are and change nothing around them."""

import pytest
from hypothesis import given

from runmend.core.markdown import code, escaped, link, one_line, plain, unescaped
from tests.unit.marks import MARKS, kinds, shown, tokens, without_code


@given(MARKS)
def test_a_plain_text_is_shown_as_it_is_and_is_nothing_but_text(text: str) -> None:
    markdown = f"- **Alert**: x{plain(text)}x"

    assert without_code(markdown) == kinds("- **Alert**: xx")
    assert shown(markdown) == f"Alert: x{one_line(text)}x"


@given(MARKS, MARKS)
def test_two_plain_texts_in_one_line_make_nothing_together(one: str, other: str) -> None:
    assert without_code(f"- x{plain(one)}x: **y{plain(other)}y**") == kinds("- xx: **yy**")


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.example/a",
        "(https://evil.example)",
        "www.evil.example",
        "WWW.evil.example",
        "ftp://x",
        "me@evil.example",
        "mailto:x",
    ],
)
def test_an_address_is_code_because_many_readers_would_make_a_link_of_it(address: str) -> None:
    assert plain(f"see {address} now") == f"see `{address}` now"


@given(MARKS)
def test_a_reader_of_the_source_gets_the_text_without_backslashes(text: str) -> None:
    assert unescaped(escaped(text)) == text


@given(MARKS)
def test_code_is_shown_as_it_is_and_ends_where_it_should(text: str) -> None:
    markdown = f"- before {code(text)}, after **z**"

    assert kinds(markdown) == (
        kinds("- before `a`, after **z**") if one_line(text) else kinds("- before none, after **z**")
    )
    assert shown(markdown) == f"before {one_line(text) or 'none'}, after z"


@given(MARKS, MARKS)
def test_a_link_leads_where_it_says_and_nowhere_else(text: str, path: str) -> None:
    markdown = f"- x {link('a' + text + 'z', 'https://prometheus.example/' + path)} y"

    assert kinds(markdown) == kinds("- x [a](https://b) y")
    [opened] = [token for token in tokens(markdown) if token.type == "link_open"]
    assert str(opened.attrs["href"]).startswith("https://prometheus.example/")


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "HTTP://x", "//x", "data:text/html,x", "ftp://x"])
def test_what_is_no_web_address_is_no_link(address: str) -> None:
    assert link("rule", address) == "rule"


@given(MARKS)
def test_one_line_is_one_line_of_what_can_be_printed(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert one_line(text).isprintable()


def test_names_stay_readable_in_the_markdown_itself() -> None:
    assert plain("container my_app: RB_IMAGEPULL waits (ErrImagePull), 1.0-beta #2") == (
        "container my_app: RB_IMAGEPULL waits (ErrImagePull), 1.0-beta #2"
    )
