"""The actions of a runbook: found by their `action_id`, wherever they stand, and read into named items."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import dropwhile

from runmend.core.names import identifier
from runmend.runbook.conditions import in_heading
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import Bullets, Code, Document, Inline, Item, Part, Section, Span, texts_of
from runmend.runbook.keys import OF_ACTIONS, names

RESERVED = frozenset(names(OF_ACTIONS))
_SAME = {
    "calculations": "calculation",
    "condition": "conditions",
    "precondition": "conditions",
    "preconditions": "conditions",
    "commands": "command",
    "actionid": "action_id",
    "approvals": "approval",
    "if": "when",
    "only_if": "when",
    "only_when": "when",
}
_OF_THE_WORKFLOW = frozenset({"output", "retries", "retry", "timeout", "timeouts", "on_error"})
_NOT_YET = frozenset({"budget", "depends_on", "on_failure", "requires", "rollback"})
_DESCRIBES = frozenset(
    {"author", "authors", "background", "cause", "comment", "comments", "contact", "docs", "documentation", "effect"}
    | {
        "example",
        "examples",
        "explanation",
        "hint",
        "hints",
        "impact",
        "info",
        "link",
        "links",
        "name",
        "note",
        "notes",
    }
    | {"outcome", "owner", "owners", "purpose", "rationale", "reason", "ref", "reference", "references", "result"}
    | {"risk", "risks", "risk_level", "runbook", "see", "see_also", "severity", "source", "summary", "tag", "tags"}
    | {"team", "ticket", "tickets", "title", "type", "updated", "url", "version", "why"}
)
_BEGINS_TO_DESCRIBE = ("duration", "estimated", "expected")
_NAME_FIRST = re.compile(r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_-]*)\s*:(?:\s|$)")
_NUMBERING = re.compile(
    r"^\s*(?:(?:action|step)\s*#?\d*\s*[:.)\u2013\u2014-]+|(?:action|step)\s*#?\d+$|#?\d+\s*[:.)\u2013\u2014-]*)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Named:
    """A named item: `- **name**: value`."""

    name: str
    value: str
    """The value: what stands in its one code span, else its words."""
    marked: str
    """The value's words with code in backticks."""
    line: int
    pure: bool
    """Whether the value is one code span, one code block, or has no code at all."""
    items: tuple[Item, ...] = ()
    beside: tuple[tuple[str, int], ...] = ()
    """What stands under the item and is in neither its value nor its list: texts with their lines."""
    blocks: tuple[Code, ...] = ()
    """The code blocks that are its value."""
    inline: Inline | None = None
    """The value's words as they are written, where they stand beside the name."""


@dataclass(slots=True)
class Action:
    """An action as it is written."""

    action_id: str
    title: str
    line: int
    heading: str = ""
    """The heading with code in backticks, empty where the action has none of its own."""
    heading_line: int = 0
    beside: tuple[tuple[str, int], ...] = ()
    """The texts under the heading that stand in no list, with their lines."""
    named: dict[str, Named] = field(default_factory=dict)
    unnamed: list[Item] = field(default_factory=list)

    def item(self, name: str) -> Named | None:
        """A named item, None where the action has none of that name."""
        return self.named.get(name)

    def value(self, name: str) -> str:
        """A named item's value, empty where the action has none of that name."""
        return self.named[name].value if name in self.named else ""


def describes(name: str) -> bool:
    """Whether an item's name says that it only describes its action."""
    plain = re.sub(r"[\s-]+", "_", name.strip().lower())
    return plain in _DESCRIBES or plain.startswith(_BEGINS_TO_DESCRIBE)


def find_actions(document: Document, report: Report) -> dict[str, Action]:
    """Every action of the file by its id, in the order of the file."""
    actions: dict[str, Action] = {}
    for part in document.parts:
        if part.section not in (None, Section.ACTIONS):
            continue
        for action in _of_part(part, report):
            if action.action_id in actions:
                first = actions[action.action_id].line
                report.error(
                    action.line,
                    f"a second action has the action_id {action.action_id} (first in line {first})",
                    "give it another one",
                )
            else:
                actions[action.action_id] = action
    return actions


def is_action(part: Part) -> bool:
    """Whether an action stands under a heading."""
    return bool(action_ids(part))


def action_ids(part: Part) -> frozenset[str]:
    """The ids of the actions under a heading."""
    return frozenset(named.value for named in _ids(part.items))


def _of_part(part: Part, report: Report) -> Iterator[Action]:
    """The actions under one heading: usually one; several where each has a list of its own."""
    lists = [block.items for block in part.blocks if isinstance(block, Bullets)]
    starts = [number for number, items in enumerate(lists) if _ids(items)]
    if not starts:
        _refuse_nameless(part, report)
        return
    starts[0] = 0  # what stands before the list that has the id belongs to it as well
    for start, end in zip(starts, [*starts[1:], len(lists)], strict=True):
        action = _action([item for items in lists[start:end] for item in items], part, report)
        if action is not None:
            yield action


def _ids(items: tuple[Item, ...]) -> list[Named]:
    return [named for named in map(read_named, items) if named and named.name == "action_id"]


def _refuse_nameless(part: Part, report: Report) -> None:
    if part.section is not Section.ACTIONS:
        return
    command = next((named for named in map(read_named, part.items) if named and named.name == "command"), None)
    if command:
        report.error(
            command.line,
            "an action has a command and no action_id",
            "add - **action_id**: `name_of_the_action` beside it",
        )
    elif not part.opens:
        heading = part.heading.plain if part.heading else ""
        report.warning(
            Kind.UNUSED_ACTION,
            part.line,
            f"{quoted(heading)} is not an action: it has no action_id",
            "add - **action_id**: `…` and - **command**: `…`",
        )


def _action(items: list[Item], part: Part, report: Report) -> Action | None:
    action: Action | None = None
    named_items: list[Named] = []
    unnamed: list[Item] = []
    for item in items:
        named = read_named(item)
        if named is None:
            unnamed.append(item)
        else:
            named_items.append(named)
    first = next(named for named in named_items if named.name == "action_id")
    try:
        identifier(first.value)
    except ValueError as error:
        report.error(first.line, f"action_id: {error}", "write letters, digits, _ and -, at most 63, a letter first")
        return None
    own = part.heading if part.heading and not part.opens else None
    action = Action(
        first.value,
        _title(part, first.value),
        first.line,
        own.marked if own else "",
        own.line if own else 0,
        tuple(text for block in part.blocks if not isinstance(block, Bullets) for text in texts_of(block)),
        unnamed=unnamed,
    )
    for named in named_items:
        _keep(named, action, report)
    return action


def _keep(named: Named, action: Action, report: Report) -> None:
    if named.name in action.named:
        what = (
            "a second action_id stands in one list"
            if named.name == "action_id"
            else f"{action.action_id} has a second {quoted(named.name)}"
        )
        remedy = (
            "give each action a heading of its own"
            if named.name == "action_id"
            else f"remove it; the first is in line {action.named[named.name].line}"
        )
        report.error(named.line, what, remedy)
        return
    if named.name in _OF_THE_WORKFLOW:
        report.error(
            named.line,
            f"the item {quoted(named.name)} is said in the workflow, not in the action",
            f"write it beside - action_id: {action.action_id} in the front matter",
        )
        return
    if named.name in _NOT_YET:
        remedy = (
            "write a condition as an item of the list under conditions" if named.name == "requires" else "remove it"
        )
        report.error(named.line, f"the item {quoted(named.name)} is not supported yet", remedy)
        return
    action.named[named.name] = named


def _title(part: Part, action_id: str) -> str:
    """The heading without its number: actions run in the workflow's order, so a heading's number would mislead."""
    if part.heading is None or part.opens:
        return action_id
    title, _ = in_heading(part.heading.plain)
    return _NUMBERING.sub("", title).strip() or action_id


def read_named(item: Item) -> Named | None:
    """Read `- **name**: value`; the colon may stand inside the bold, and the name in backticks or plain.

    None where it has no name.
    """
    spans = list(dropwhile(lambda span: not span.text.strip(), item.inline.spans))
    if not spans:
        return None
    count = 0
    while count < len(spans) and spans[count].bold:
        count += 1
    if count or spans[0].code:
        count = count or 1
        name = "".join(span.text for span in spans[:count]).strip()
        rest = _after_colon(spans[count:], inside=name.endswith(":"))
        name = name.rstrip(": ")
    else:
        found = _NAME_FIRST.match(spans[0].text)
        name = found["name"] if found else ""
        rest = [Span(spans[0].text[found.end() :], spans[0].line), *spans[1:]] if found else None
    if rest is None or not name:
        return None
    return _named(_reserved(name), rest, item)


def _after_colon(spans: list[Span], *, inside: bool) -> list[Span] | None:
    """What follows the colon after a name; None where there is none."""
    if inside:
        return spans
    for number, span in enumerate(spans):
        text = span.text.lstrip()
        if not text and not span.code:
            continue
        return [Span(text[1:], span.line), *spans[number + 1 :]] if text.startswith(":") and not span.code else None
    return None


def _reserved(name: str) -> str:
    """A reserved name however it is spelt (`Action ID`); a parameter's stays as it is, because a placeholder asks for
    it so.
    """
    plain = re.sub(r"[\s-]+", "_", name.lower())
    plain = _SAME.get(plain, plain)
    return plain if plain in RESERVED | _NOT_YET | _OF_THE_WORKFLOW else name


def _named(name: str, spans: list[Span], item: Item) -> Named:
    filled = [span for span in spans if span.text.strip()]
    line = filled[0].line if filled else item.line
    value = Inline(tuple(spans), line)
    codes = [span for span in filled if span.code]
    more = tuple((text.plain, text.line) for text in item.more)
    blocks = tuple((block.text, block.line) for block in item.codes)
    others = tuple((other.text, other.line) for other in item.others)
    if len(codes) == 1 and all(span.code or span.text.strip() == "." for span in filled):
        beside = (*more, *blocks, *others)
        return Named(name, codes[0].text.strip(), value.marked, line, pure=True, items=item.items, beside=beside)
    if not filled and (len(item.codes) == 1 or (name == "command" and item.codes)):
        text = "\n".join(block.text.strip() for block in item.codes)
        first = item.codes[0].line
        return Named(name, text, "", first, pure=True, items=item.items, beside=(*more, *others), blocks=item.codes)
    words = (
        value
        if not item.more
        else Inline((*value.spans, *(span for also in item.more for span in (Span(" ", also.line), *also.spans))), line)
    )
    beside = (*blocks, *others)
    return Named(
        name,
        words.plain,
        words.marked,
        line,
        pure=not codes and not item.codes,
        items=item.items,
        beside=beside,
        inline=value if not item.more and not item.codes else None,
    )
