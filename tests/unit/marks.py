"""What Markdown makes of a text, and texts that try to make something of it."""

from collections.abc import Iterator

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_STRUCTURES = [
    "~~a~~",
    "**a**",
    " _a_ ",
    "[a](b)",
    "![a](b)",
    "<b>",
    "&lt;",
    "`a`",
    "<http://x>",
    "\n# a",
    "\n\n- a",
    "a | b\n-|-\n",
    "\\",
]
_ANY = st.sampled_from("`*_[]()<>!&#-+~|\\\"'=:/ \n\r\t\u2028\u202e\x1b\x00aZé1") | st.characters(
    exclude_categories=["Cs"]
)
MARKS = st.lists(st.sampled_from(_STRUCTURES) | _ANY, max_size=12).map("".join)


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def shown(text: str) -> str:
    """What a reader sees."""
    return "".join(token.content for token in tokens(text) if token.type in ("text", "code_inline", "text_special"))


def kinds(text: str) -> list[str]:
    """The structure: what there is beside text."""
    return [token.type for token in tokens(text) if token.type not in ("text", "text_special")]


def without_code(text: str) -> list[str]:
    """The structure, code left out."""
    return [kind for kind in kinds(text) if kind != "code_inline"]
