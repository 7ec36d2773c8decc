"""A runbook's file as a tree that knows its lines: front matter, and the body's headings with what stands under them.
Reads no meaning.

The Markdown parser is bounded by its own nesting limit, the file by `SIZE_MAX`, so no text takes long or overflows a
stack. What reads text here, and in the modules that use this one, takes time in proportion to its length:
`tests/attacks/test_compile_time.py` holds each rule to that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from frontmatter.default_handlers import YAMLHandler
from markdown_it import MarkdownIt
from markdown_it.token import Token

from runmend.runbook.diagnostics import Report

SIZE_MAX = 64 * 1024
HEADER_MAX = 16 * 1024
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_BLOCKS_WITHIN = ("list_item_open", "blockquote_open")
"""What holds other blocks."""
_BEFORE_HEADING = re.compile(r"(?:[^\w~]|[\d_])+")
_AFTER_HEADING = re.compile(r"(?:[^\w~]|_)+")


class Section(StrEnum):
    """The sections that mean something, under the heading that the documentation gives them."""

    PROBLEM = "Problem"
    DIAGNOSIS = "Diagnostic Steps"
    ACTIONS = "Remediation Actions"
    CRITERIA = "Success Criteria"
    NOTES = "Notes"


_HEADINGS = {section.value.lower(): section for section in Section} | {
    "problem statement": Section.PROBLEM,
    "problem description": Section.PROBLEM,
    "symptoms": Section.PROBLEM,
    "diagnostics": Section.DIAGNOSIS,
    "diagnosis": Section.DIAGNOSIS,
    "diagnostic step": Section.DIAGNOSIS,
    "remediation": Section.ACTIONS,
    "remediation action": Section.ACTIONS,
    "remediation steps": Section.ACTIONS,
    "actions": Section.ACTIONS,
    "success criterion": Section.CRITERIA,
    "success": Section.CRITERIA,
    "note": Section.NOTES,
}


@dataclass(frozen=True, slots=True)
class Span:
    """A run of inline text of one kind; `text` is without its marks."""

    text: str
    line: int
    code: bool = False
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Inline:
    """A paragraph's or a heading's text."""

    spans: tuple[Span, ...]
    line: int

    @property
    def plain(self) -> str:
        """The words without their marks, on one line."""
        return " ".join("".join(span.text for span in self.spans).split())

    @property
    def marked(self) -> str:
        """The words on one line, code in backticks."""
        return " ".join("".join(f"`{span.text}`" if span.code else span.text for span in self.spans).split())

    @property
    def bold_start(self) -> str:
        """The bold text that it begins with, empty where it begins otherwise."""
        words = []
        for span in self.spans:
            if span.bold:
                words.append(span.text)
            elif span.text.strip() or words:
                break
        return " ".join("".join(words).split())


@dataclass(frozen=True, slots=True)
class Code:
    """A code block; `line` is that of its first line of code."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Item:
    """A list item: its first paragraph, and what stands under it."""

    inline: Inline
    line: int
    items: tuple["Item", ...] = ()
    codes: tuple[Code, ...] = ()
    more: tuple[Inline, ...] = ()
    others: tuple["Other", ...] = ()


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list, numbered or not."""

    items: tuple[Item, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Other:
    """A block that is never read: a table, a block quote, HTML. `text` is all that stands in it."""

    kind: str
    line: int
    text: str = ""


Block = Inline | Bullets | Code | Other


def texts_of(block: Block) -> Iterator[tuple[str, int]]:
    """The texts of a block with their lines."""
    match block:
        case Inline():
            yield block.plain, block.line
        case Bullets():
            for item in block.items:
                yield from texts_of_item(item)
        case Code() | Other():
            yield block.text, block.line


def texts_of_item(item: Item) -> Iterator[tuple[str, int]]:
    """The texts of a list item and of all that stands under it, with their lines."""
    yield item.inline.plain, item.line
    yield from ((more.plain, more.line) for more in item.more)
    yield from ((code.text, code.line) for code in item.codes)
    yield from ((other.text, other.line) for other in item.others)
    for child in item.items:
        yield from texts_of_item(child)


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and what stands under it, up to the next heading of any level.

    The first part of a body may have no heading.
    """

    heading: Inline | None
    level: int
    line: int
    section: Section | None
    opens: bool
    """Whether the heading is the section's own."""
    blocks: tuple[Block, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of all its lists."""
        return tuple(item for block in self.blocks if isinstance(block, Bullets) for item in block.items)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file. `header` is None where it has no front matter, `header_line` the line of its first text."""

    header: str | None
    header_line: int
    parts: tuple[Part, ...]
    unclosed: bool
    """Whether front matter begins and never ends."""

    def section(self, section: Section) -> tuple[Part, ...]:
        """The parts of a section."""
        return tuple(part for part in self.parts if part.section is section)


def read_document(source: bytes, report: Report) -> Document | None:
    """Read a file; None where it cannot be, which the report then says."""
    if len(source) > SIZE_MAX:
        report.error(1, f"the file has more than {SIZE_MAX // 1024} KiB", "keep a runbook short; link to what is long")
        return None
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        report.error(line, f"the file is not UTF-8 (byte 0x{source[error.start]:02x})", "save it as UTF-8")
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    report.lines = text.split("\n")
    header, header_line, body, body_line = _split(text)
    if header is not None and len(header) > HEADER_MAX:
        report.error(
            header_line, f"the front matter has more than {HEADER_MAX // 1024} KiB", "close it with a line of ---"
        )
        return None
    unclosed = header is None and text.lstrip().startswith("---")
    tokens = _MARKDOWN.parse(body)
    _refuse_lost_text(tokens, body_line, report)
    return Document(header, header_line, tuple(_parts(tokens, body_line)), unclosed)


def _split(text: str) -> tuple[str | None, int, str, int]:
    """Return the front matter, the line of its first character, the body, and how many lines come before the body."""
    handler = YAMLHandler()
    stripped = text.lstrip()
    before = len(text) - len(stripped)
    if not handler.detect(stripped):
        return None, 1, text, 0
    try:
        header, body = handler.split(stripped)
    except ValueError:  # the second line of --- is missing
        return None, 1, text, 0
    first = before + stripped.index(header, 3)
    return header, text.count("\n", 0, first) + 1, body, text.count("\n", 0, len(text) - len(body))


def _refuse_lost_text(tokens: list[Token], offset: int, report: Report) -> None:
    """Say where the parser left out what is nested deeper than its limit, which it does without a word."""
    deepest = _MARKDOWN.options.maxNesting - 1
    lost = next((token for token in tokens if token.type in _BLOCKS_WITHIN and token.level >= deepest), None)
    if lost:
        report.error(
            _line(lost, offset),
            "lists and block quotes are nested so deeply that what stands in them cannot be read",
            "nest them less",
        )


def _parts(tokens: list[Token], offset: int) -> Iterator[Part]:
    open_sections: list[tuple[int, Section]] = []
    part = Part(None, 0, offset + 1, None, opens=False, blocks=())
    blocks: list[Block] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.type == "heading_open":
            if part.heading or blocks:
                yield replace(part, blocks=tuple(blocks))
            heading = _inline(tokens[at + 1], offset)
            level = int(token.tag[1])
            while open_sections and open_sections[-1][0] >= level:
                open_sections.pop()
            own = _HEADINGS.get(_heading_words(heading.plain))
            if own:
                open_sections.append((level, own))
            section = open_sections[-1][1] if open_sections else None
            part = Part(heading, level, heading.line, section, opens=own is not None, blocks=())
            blocks = []
            at += 3
        else:
            block, at = _block(tokens, at, offset)
            if block is not None:
                blocks.append(block)
    if part.heading or blocks:
        yield replace(part, blocks=tuple(blocks))


def _heading_words(text: str) -> str:
    """Leave numbering, emoji and a colon out of a heading: `2. Success Criteria:`. One that is struck out (~~) is none
    of ours.
    """
    before = _BEFORE_HEADING.match(text)
    # Backwards, because a pattern that ends in `$` is tried at each place of the text.
    after = _AFTER_HEADING.match(text[::-1])
    return text[before.end() if before else 0 : len(text) - (after.end() if after else 0)].lower()


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0 and (end := html.find("-->", start + 4)) >= 0:
        kept.append(html[at:start])
        at = end + 3
    return "".join([*kept, html[at:]])


def _block(tokens: list[Token], at: int, offset: int) -> tuple[Block | None, int]:
    """Return the block that begins at a token, and where the next one begins."""
    token = tokens[at]
    line = _line(token, offset)
    block: Block | None = None
    match token.type:
        case "paragraph_open":
            block = _inline(tokens[at + 1], offset)
        case "bullet_list_open" | "ordered_list_open":
            block = _bullets(tokens, at, offset)
        case "fence":
            block = Code(token.content, line + 1)
        case "code_block":
            block = Code(token.content, line)
        case "html_block" if (text := _without_comments(token.content)).strip():
            block = Other("HTML", line, text)
        case "table_open":
            block = Other("a table", line, _text_within(tokens, at))
        case "blockquote_open":
            block = Other("a block quote", line, _text_within(tokens, at))
    return block, _end(tokens, at)


def _text_within(tokens: list[Token], at: int) -> str:
    return " / ".join(
        " ".join(token.content.split()) for token in tokens[at : _end(tokens, at)] if token.content.strip()
    )


def _end(tokens: list[Token], at: int) -> int:
    depth = 0
    while at < len(tokens):
        depth += tokens[at].nesting
        at += 1
        if depth == 0:
            break
    return at


def _bullets(tokens: list[Token], at: int, offset: int) -> Bullets:
    line = _line(tokens[at], offset)
    end = _end(tokens, at)
    at += 1
    items = []
    while at < end - 1:
        item_end = _end(tokens, at)
        items.append(_item(tokens, at, item_end, offset))
        at = item_end
    return Bullets(tuple(items), line)


def _item(tokens: list[Token], at: int, end: int, offset: int) -> Item:
    line = _line(tokens[at], offset)
    texts: list[Inline] = []
    items: list[Item] = []
    codes: list[Code] = []
    others: list[Other] = []
    at += 1
    while at < end - 1:
        if tokens[at].type == "heading_open":
            texts.append(_inline(tokens[at + 1], offset))
            at += 3
            continue
        block, at = _block(tokens, at, offset)
        if isinstance(block, Inline):
            texts.append(block)
        elif isinstance(block, Bullets):
            items += block.items
        elif isinstance(block, Code):
            codes.append(block)
        elif isinstance(block, Other):
            others.append(block)
    first, *more = texts or [Inline((), line)]
    return Item(first, line, tuple(items), tuple(codes), tuple(more), tuple(others))


def _inline(token: Token, offset: int) -> Inline:
    line = first = _line(token, offset)
    bold = 0
    spans = []
    for child in token.children or ():
        match child.type:
            case "strong_open" | "strong_close":
                bold += child.nesting
            case "softbreak" | "hardbreak":
                line += 1
                spans.append(Span("\n", line))
            case "code_inline":
                spans.append(Span(child.content, line, code=True, bold=bold > 0))
            case "html_inline" if not _without_comments(child.content):
                pass
            case _ if child.content:
                spans.append(Span(child.content, line, bold=bold > 0))
    return Inline(tuple(spans), first)


def _line(token: Token, offset: int) -> int:
    return offset + 1 + (token.map[0] if token.map else 0)
