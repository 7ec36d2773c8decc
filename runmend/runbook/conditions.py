"""What must hold before an action: the list under `conditions`, a leading "If …," and a heading's "(if …)".

Each is a sentence of the table, or an expression in backticks. Called by `runbook.steps` and for the front matter.
"""

import re
from dataclasses import dataclass

from runmend.facts.expressions import compiled
from runmend.runbook.diagnostics import Report
from runmend.runbook.expressions import OF_CONDITIONS, check_expression
from runmend.runbook.labels import Labels
from runmend.runbook.phrases import LONGEST
from runmend.runbook.sentences import read_sentence

EXAMPLES = (
    '"Requires: `namespace`, `pod` labels", "Pod must be owned by a Deployment", "Pod is in ImagePullBackOff" or '
    "`workload.replicas > 1`"
)
_LEADING = re.compile(
    r"\s*(?P<word>only if|only when|if|when|whenever|once|unless|in case|provided that|as long as)\b(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_NEVER_READ = frozenset({"once"})
"""What waits for something is no condition that could be asked once."""
_GOES_ON = re.compile(r"\s*(?:and|or|but|unless|except|provided|only|while|if|when)\b", re.IGNORECASE)
_CODE = re.compile(r"`[^`]*`")
_EXPRESSION = re.compile(r"\s*`(?P<code>[^`]+)`[\s.]*")
_END = re.compile(r",|\bthen\b", re.IGNORECASE)
_MOST_PARTS = 8
_IN_HEADING = re.compile(r"\s*\((?P<clause>(?:only )?(?:if|when|unless)\b.*)\)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a condition stands for: an expression, and what else it says of it.

    `state` is what "Pod is in …" names; `owner` and `labels` have no expression. `trouble`: where it holds, something
    is wrong.
    """

    expression: str = ""
    state: str | None = None
    owner: str | None = None
    labels: Labels | None = None
    trouble: bool = False


@dataclass(frozen=True, slots=True)
class Leading:
    """A description that begins with a condition: the condition, what follows it, and what to show of it where it is
    not understood.
    """

    clause: str
    rest: str
    shown: str
    whole: bool
    """Whether the clause is all of the condition: "If pod is in X, and only if Y, patch" has half of it there."""


def read_condition(text: str, line: int, report: Report) -> tuple[Meant, ...] | None:
    """Read a condition, in Markdown without its bold marks: "Pod is in X", "Only if …", and several joined by "and".

    None where it is not understood. What is wrong with an expression is in the report, and it then means nothing.
    """
    found = _LEADING.match(text)
    if found is None:
        return _read(text, line, report)
    word = found["word"].lower()
    meant = None if word in _NEVER_READ else _read(found["rest"], line, report)
    if meant is None or word != "unless":
        return meant
    if any(not one.expression for one in meant):
        return None
    return (Meant(f"!({_all_of(meant)})"),) if meant else ()


def leading(description: str) -> Leading | None:
    """The condition that a description begins with; None where it begins with none."""
    found = _LEADING.match(description)
    if found is None:
        return None
    hidden = _CODE.sub(lambda code: "`" * len(code.group()), description)
    end = _END.search(hidden, found.start("rest"))
    clause = description[: end.start()] if end else description
    rest = description[end.end() :] if end else ""
    comma = bool(end and end.group() == ",")
    whole = not (comma and _GOES_ON.match(rest))
    if comma and whole and (then := re.match(r"\s*then\b", rest, re.IGNORECASE)):
        rest = rest[then.end() :]
    shown = clause if comma and whole else description
    return Leading(clause, rest, " ".join(shown.split()), whole)


def in_heading(heading: str) -> tuple[str, str]:
    """A heading without the condition in parentheses at its end, and that condition; empty where there is none."""
    found = _IN_HEADING.search(heading) if len(heading) <= LONGEST else None
    return (heading[: found.start()], found["clause"]) if found else (heading, "")


def _read(text: str, line: int, report: Report) -> tuple[Meant, ...] | None:
    code = _EXPRESSION.fullmatch(text)
    source = code["code"].strip() if code else ""
    if re.search(r"\W", source):  # a lone word in backticks is no expression
        return (Meant(source),) if check_expression(source, line, OF_CONDITIONS, report) else ()
    if one := _sentence(text):
        return (one,)
    parts = _and_parts(text)
    if not 1 < len(parts) <= _MOST_PARTS:
        return None
    meant = [_read(part, line, report) for part in parts]
    return tuple(one for each in meant for one in each or ()) if all(each is not None for each in meant) else None


def _sentence(text: str) -> Meant | None:
    read = read_sentence(text, "condition")
    if read is None or (read.expression and compiled(read.expression).groups - OF_CONDITIONS.groups):
        return None
    return Meant(read.expression, read.state, read.owner, read.labels, read.form.trouble)


def _all_of(meant: tuple[Meant, ...]) -> str:
    return " && ".join(f"({one.expression})" for one in meant) if len(meant) > 1 else meant[0].expression


def _and_parts(text: str) -> list[str]:
    hidden = _CODE.sub(lambda code: "`" * len(code.group()), text)
    at, parts = 0, []
    for joint in re.finditer(r"\band\b", hidden, re.IGNORECASE):
        parts.append(text[at : joint.start()])
        at = joint.end()
    return [*parts, text[at:]]
