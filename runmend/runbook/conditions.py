"""What must hold before an action: the list under `conditions`, the "If …" of a description, and a heading's "(if …)".

Each is a sentence of the table, or an expression in backticks. Called by `runbook.steps` and for the front matter.
"""

import re
from dataclasses import dataclass

from runmend.facts.expressions import compiled
from runmend.runbook.diagnostics import Report
from runmend.runbook.expressions import OF_CONDITIONS, check_expression
from runmend.runbook.labels import Labels
from runmend.runbook.phrases import LONGEST
from runmend.runbook.restrictions import conditional, does_nothing, goes_elsewhere, turns
from runmend.runbook.sentences import read_sentence

EXAMPLES = (
    '"Requires: `namespace`, `pod` labels", "Pod must be owned by a Deployment", "Pod is in ImagePullBackOff" or '
    "`workload.replicas > 1`"
)
_WORDS = (
    r"(?:only if|only when|only while|if|when|whenever|once|unless|in case|provided that|provided|given that|"
    r"assuming that|assuming|supposing that|supposing|on condition that|in the event that|(?:as|so) long as|"
    r"while|where)"
)
_LEADING = re.compile(rf"\s*(?P<word>{_WORDS})\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_TRAILING = re.compile(
    rf"(?P<before>[^.;]{{1,300}}?)[\s,:(\u2013\u2014-]*(?<!\w)(?P<clause>(?!once\b){_WORDS}\b[^.;]*)", re.IGNORECASE
)
"""An order, and a condition behind it in the same sentence. Looked at only as far as `LONGEST` reaches."""
_MAY_DESCRIBE = re.compile(r"(?:while|where)\b", re.IGNORECASE)
"""What may as well tell how things are: taken for a condition behind an order only where it can be read."""
_APPLIES = re.compile(
    r"(?:this (?:action|step|command) )?(?:applies|is for|is meant|is used|used|runs|is done)", re.IGNORECASE
)
_NEVER_READ = frozenset({"once"})
"""What waits for something is no condition that could be asked once."""
_GOES_ON = re.compile(r"\s*(?:and|or|but|unless|except|provided|only|while|if|when)\b", re.IGNORECASE)
_CODE = re.compile(r"`[^`]*`")
_EXPRESSION = re.compile(r"\s*`(?P<code>[^`]+)`[\s.]*")
_END = re.compile(r"[,:]|\bthen\b", re.IGNORECASE)
_MOST_PARTS = 8
_NOT = re.compile(r"\b(?:not|never|nor|but|except|even|as|only|or|and)\W*$", re.IGNORECASE)
_IN_HEADING = re.compile(
    r"(?:\s*\((?P<within>(?:only )?(?:if|when|unless)\b.*)\)|"
    r"(?<=\S)\s*[:,\u2013\u2014-]*\s(?P<behind>(?:only )?(?:if|when|unless)\b.*))\s*$",
    re.IGNORECASE,
)


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
    """The condition of a description, what else the description says, and what to show of it where it is not
    understood.
    """

    clause: str
    rest: str
    shown: str
    whole: bool
    """Whether the clause is all of the condition: "If pod is in X, and only if Y, patch" has half of it there."""
    turns: bool = False
    """Whether the rest is another order than to do what the command does: "If pod is in X, stop"."""


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


def condition_of(description: str) -> Leading | None:
    """The condition that a description begins with, or that its first sentence ends with; None where there is none."""
    return _leading(description) or _trailing(description)


def _leading(description: str) -> Leading | None:
    found = _LEADING.match(description)
    if found is None or (_MAY_DESCRIBE.match(found["word"]) and not conditional(description)):
        return None
    hidden = _hidden(description)
    end = _END.search(hidden, found.start("rest"))
    clause = description[: end.start()] if end else description
    rest = description[end.end() :] if end else ""
    comma = bool(end and end.group() == ",")
    whole = not (comma and _GOES_ON.match(rest))
    if comma and whole and (then := re.match(r"\s*then\b", rest, re.IGNORECASE)):
        rest = rest[then.end() :]
    other = turns(rest)
    shown = clause if comma and whole and not other else description
    return Leading(clause, rest, " ".join(shown.split()), whole, other)


def _trailing(description: str) -> Leading | None:
    hidden = _hidden(description[:LONGEST])
    found = _TRAILING.match(hidden)
    if found is None or _NOT.search(found["before"]):
        return None
    end = hidden.find(",", found.start("clause"), found.end())
    end = end if end >= 0 else found.end()
    before, clause, after = (
        description[: found.end("before")],
        description[found.start("clause") : end],
        description[end:],
    )
    clause = clause.strip().removesuffix(")")
    other = turns(before) and not _APPLIES.fullmatch(before.strip())
    if other or goes_elsewhere(after.lstrip(", ")) or _GOES_ON.match(after.lstrip(", ")):
        return None
    if _MAY_DESCRIBE.match(clause):
        if not read_condition(clause, 1, Report("")):
            return None
    elif not conditional(f"{before} {clause}"):
        return None
    return Leading(clause, f"{before}{after}", " ".join(description[: found.end()].split()), whole=True)


def in_heading(heading: str) -> tuple[str, str]:
    """A heading without the condition at its end, and that condition; empty where there is none, or where the heading
    says that something else than a change is done there.
    """
    found = _IN_HEADING.search(heading) if len(heading) <= LONGEST else None
    if (
        found is None
        or not conditional(heading)
        or does_nothing(heading[: found.start()])
        or "," in _hidden(found["behind"] or "")
    ):
        return heading, ""
    return heading[: found.start()], found["within"] or found["behind"]


def _hidden(text: str) -> str:
    """A text whose code cannot be taken for words."""
    return _CODE.sub(lambda code: "`" * len(code.group()), text)


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
    hidden = _hidden(text)
    at, parts = 0, []
    for joint in re.finditer(r"\band\b", hidden, re.IGNORECASE):
        parts.append(text[at : joint.start()])
        at = joint.end()
    return [*parts, text[at:]]
