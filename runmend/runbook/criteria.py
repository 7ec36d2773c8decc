"""Success criteria: sentences to typed checks. What is not understood stays in the plan as unverified."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from runmend.facts.expressions import compiled
from runmend.facts.groups import GROUPS
from runmend.facts.literals import Rewritten
from runmend.facts.snapshot import Snapshot
from runmend.language.verbs.scale import VERB as SCALE
from runmend.language.verbs.scale import leaves_no_pod
from runmend.plan.criteria import Criterion
from runmend.plan.plan import Step
from runmend.runbook.diagnostics import Kind, Report, listed, quoted
from runmend.runbook.document import Bullets, Code, Document, Inline, Item, Other, Section
from runmend.runbook.expressions import OF_CRITERIA, Readers, check_expression, note_outside
from runmend.runbook.phrases import DAY, seconds_in
from runmend.runbook.sentences import nearest, read_sentence, wrong_state

WINDOW_SECONDS = 300
SETTLE_SECONDS = 600
EXAMPLES = (
    '"Pod transitions from `ImagePullBackOff` to `Running`", "Pod is Running", "Container starts successfully", '
    '"No new `ImagePullBackOff` events for 5 minutes" or "No container restarts for 5 minutes"'
)

_TURNS = re.compile(
    r"\b(?:any|alternatively|(?<!each )(?<!every "
    r")one|two|either|neither|none|nor|not|no|never|cannot|(?:must|should|do|does|is|are)nt|or|"
    r"fail\w*|unsuccess\w*|unhealthy|broken|bad|wrong|incorrect|abnormal\w*|problem\w*|false|untrue|opposite|reverse|violat\w*|"
    r"at least|at "
    r"most|some|most|half|few|several|majority|optional\w*|nice|unless|except\w*|without|only|otherwise|else|instead|ignor\w*|"
    r"skip\w*|roll(?:ed|s)? ?back|rollback|revert\w*|undo|abort\w*|manual\w*|human|by hand|approv\w*|confirm\w*|"
    r"anti|flags?|symptoms?|persist\w*|page|escalat\w*|"
    r"within|after\w*|before\w*|until|during|for \d+\w*|(?:second|minute|hour|day)s?|mins?|later)\b"
)
"""What may turn the meaning of the sentences that it introduces."""
_NEUTRAL = re.compile(
    r"\b(?:all|each|every|both|good|success\w*|succe(?:ss|ed)\w*|fixed|works|worked|done|resolved|remediat\w*|complete\w*|healthy|"
    r"recover\w*|criteria|criterion|verif\w*|check\w*|expect\w*|following|these|true)\b"
)
_REFERS = re.compile(
    r"\b(?:following(?! (?:\w+ )?(?:second|minute|min|hour|day)s?\b)|"
    r"these|those|below|above|others?|previous|rest|criteria|criterion|happen\w*)\b"
)
_JOINS = re.compile(r"^(?:and/)?(?:or|either|otherwise|else|alternatively|neither|nor)\b|^not\W*$|:$|^[^/]*: / ")
"""How an item begins or ends that is but a part of a sentence with its neighbours."""
_WHEN = re.compile(r"\b(?:if|when)\b")
_BEHIND = re.compile(r"(?P<word>for|within) (?P<duration>[A-Za-z0-9 ]{1,60}?)\.?")
"""What may stand behind an expression."""
_OF_PODS = frozenset({"pods", "pod", "container", "restarted", "events"})
_QUERY = re.compile(r"query\b", re.IGNORECASE)
_LONE_WORD = re.compile(r"\w*")


@dataclass(frozen=True, slots=True)
class _Said:
    """One criterion as it is written; `code` is the expression that it is, `behind` what stands behind that, `query`
    the query of Prometheus that stands under it, and `at` where.
    """

    text: str
    line: int
    code: str = ""
    behind: str = ""
    query: str = ""
    at: int = 0


def compile_criteria(
    document: Document, report: Report, *, changes: bool, readers: Readers = OF_CRITERIA
) -> tuple[Criterion, ...]:
    """Compile the section Success Criteria of a runbook; `changes` says whether it changes anything, `readers` what
    criteria of its target may read.
    """
    criteria = tuple(_compile(item, readers, report) for item in _sentences(document, report, changes=changes))
    deadlines = [criterion for criterion in criteria if criterion.within]
    for other in deadlines[1:]:
        if other.within != deadlines[0].within:
            report.error(
                other.line,
                f"the deadline is {other.within} s here and {deadlines[0].within} s in line {deadlines[0].line}",
                "name one: the target settles as a whole",
            )
    return criteria


def refuse_what_no_pod_can_show(criteria: tuple[Criterion, ...], steps: tuple[Step, ...], report: Report) -> None:
    """Say which criteria cannot hold where the last that the runbook does is to scale its target to 0."""
    last = next((step for step in reversed(steps) if step.operation.verb == SCALE.words), None)
    if last is None or last.gate or last.restrictions or not leaves_no_pod(last.operation):
        return
    for criterion in criteria:
        asked = compiled(criterion.expression) if criterion.understood else None
        if (
            asked
            and not asked.questions
            and asked.groups <= _OF_PODS
            and not asked.holds(Snapshot(counted={}, restarts={}, events=()))
        ):
            report.error(
                criterion.line,
                f"the criterion {quoted(criterion.text)} asks for pods, and {last.named} scales to 0: none is left",
                "write `pods.size() == 0` in its place, or mode: recommend in the front matter",
            )


def settle_of(criteria: tuple[Criterion, ...]) -> int:
    """The deadline that the criteria name ("within 10 minutes"), ten minutes where none does."""
    return next((criterion.within for criterion in criteria if criterion.within), SETTLE_SECONDS)


def window_of(criteria: tuple[Criterion, ...]) -> int:
    """The longest duration that the criteria name, five minutes where none does."""
    return max((criterion.seconds for criterion in criteria if criterion.seconds), default=WINDOW_SECONDS)


def criterion_of(text: str, line: int, query: str = "") -> Criterion | None:
    """Compile one sentence, with the query of Prometheus that stands under it; None where it is not understood. Its
    times are checked by the caller.
    """
    read = read_sentence(text, query=query)
    if read is None:
        return None
    return Criterion(
        text=text,
        line=line,
        expression=read.expression,
        must=read.must,
        seconds=read.seconds,
        within=read.within,
        leaves=read.leaves,
    )


def _sentences(document: Document, report: Report, *, changes: bool) -> Iterator[_Said]:
    for part in document.section(Section.CRITERIA):
        if part.heading and not part.opens and (word := _turn(part.heading.plain)):
            _refuse(f"the heading {quoted(part.heading.plain)}", word, part.line, report, changes=changes)
        listing = any(isinstance(block, Bullets) for block in part.blocks)
        for block in part.blocks:
            match block:
                case Bullets():
                    for item in block.items:
                        said = _code_of(item) or _queried(item, report)
                        yield said or _sentence(_whole(item), item.line, report, changes=changes)
                case Inline() if listing or block.plain.endswith(":"):
                    _introduction(block, report, changes=changes)
                case Inline():
                    yield _sentence(block.plain, block.line, report, changes=changes)
                case Other() | Code():
                    kind = block.kind if isinstance(block, Other) else "a code block"
                    word = _turn(block.text)
                    if word:
                        _refuse(kind, word, block.line, report, changes=changes)
                    else:
                        report.warning(Kind.UNREAD_TEXT, block.line, f"{kind} is not read as a criterion", _AS_ITEM)


_AS_ITEM = "write each criterion as a list item of its own"


def _code_of(item: Item) -> _Said | None:
    """An item that is an expression: code, with a length of time or nothing behind it. One word is none."""
    spans = [span for span in item.inline.spans if span.text.strip()]
    if not spans or not spans[0].code or item.items or item.more or item.codes or item.others:
        return None
    code = spans[0].text.strip()
    behind = " ".join("".join(span.text for span in spans[1:]).split()).rstrip(".")
    if _LONE_WORD.fullmatch(code) or (behind and not behind.startswith(("for ", "within "))):
        return None
    return _Said(item.inline.marked, item.line, code, behind)


def _queried(item: Item, report: Report) -> _Said | None:
    """An item with one under it that is `query:` and a query of Prometheus as code."""
    if len(item.items) != 1 or item.more or item.codes or item.others:
        return None
    (under,) = item.items
    if not _QUERY.match(under.inline.plain):
        return None
    spans = [span for span in under.inline.spans if span.text.strip()]
    alone = not (under.items or under.more or under.codes or under.others)
    named = "".join(span.text for span in spans[:-1]).strip().lower()
    if not alone or named not in ("query:", "query") or any(span.code for span in spans[:-1]) or not spans[-1].code:
        report.error(under.line, "the query is not code", "write it in backticks: - query: `up`")
        return _Said(item.inline.marked, item.line)
    return _Said(item.inline.marked, item.line, query=spans[-1].text.strip(), at=under.line)


def _sentence(text: str, line: int, report: Report, *, changes: bool) -> _Said:
    """A criterion; refused where it speaks of the others and may turn their meaning."""
    word = _turn(text) or ""
    refers = _REFERS.search(_plain(text)) or _JOINS.search(_plain(text))
    if word and refers and criterion_of(text, line) is None and not _lacks_a_query(text):
        _refuse(f"the criterion {quoted(text)}", word, line, report, changes=changes)
    return _Said(text, line)


def _lacks_a_query(text: str) -> bool:
    """Whether it would be understood with a query under it."""
    return read_sentence(text, query="up") is not None


def _introduction(text: Inline, report: Report, *, changes: bool) -> None:
    good = _NEUTRAL.search(_plain(text.plain))
    when = _WHEN.search(_plain(text.plain)) if text.plain.endswith(":") and not good else None
    word = _turn(text.plain) or (when.group() if when else None)
    if word:
        _refuse(f"the text {quoted(text.plain)}", word, text.line, report, changes=changes)
    elif not (text.plain.endswith(":") and good):
        report.warning(Kind.UNREAD_TEXT, text.line, "text beside the list is not read as a criterion", _AS_ITEM)


def _refuse(what: str, word: str, line: int, report: Report, *, changes: bool) -> None:
    say = report.error if changes else partial(report.warning, Kind.UNREAD_TEXT)
    say(
        line,
        f"{what} says {quoted(word)}, and every criterion is checked by itself: all of them must hold",
        f"remove it, and write as list items what must hold, for example {EXAMPLES}",
    )


def _turn(text: str) -> str | None:
    found = _TURNS.search(_plain(text))
    return found.group() if found else None


def _plain(text: str) -> str:
    return re.sub(r"[`\"'*\u2018\u2019\u201c\u201d]", "", " ".join(text.split())).lower()


def _whole(item: Item) -> str:
    """An item with all that stands under it: `one of:` and its alternatives are one sentence, and not one that is
    understood.
    """
    texts = [item.inline.plain, *(more.plain for more in item.more), *(code.text.strip() for code in item.codes)]
    texts += [other.text.strip() for other in item.others]
    return " / ".join([*texts, *(_whole(child) for child in item.items)])


def _compile(item: _Said, readers: Readers, report: Report) -> Criterion:
    criterion = _expression(item, readers, report) if item.code else criterion_of(item.text, item.line, item.query)
    if criterion is None:
        wrong = wrong_state(item.text)
        remedy = f"states that may stand there are {wrong[1]}" if wrong else nearest(item.text, query=item.query)
        if not item.query and _lacks_a_query(item.text):
            remedy = "write the query of Prometheus that it speaks of as an item under it: - query: `up`"
        report.warning(
            Kind.UNVERIFIED,
            item.line,
            f"the criterion {quoted(item.text)} {wrong[0] if wrong else 'is not understood'}, so it will be reported "
            "as unverified",
            remedy,
        )
        return Criterion(text=item.text, line=item.line)
    if item.query:
        written = Rewritten(item.query, criterion.expression)
        if not check_expression(criterion.expression, item.at, readers, report, written=written):
            return Criterion(text=item.text, line=item.line)
    elif not item.code:
        note_outside(item.text, item.line, compiled(criterion.expression), report)
    elsewhere = compiled(criterion.expression).groups - readers.groups if criterion.expression else frozenset()
    if elsewhere:  # of an expression it was said
        report.warning(
            Kind.UNVERIFIED,
            item.line,
            f"the criterion {quoted(item.text)} reads {listed(sorted(elsewhere), 'and')}, {readers.because}, so it "
            "will be reported as unverified",
            f"write one that reads {listed(sorted(readers.groups & GROUPS.keys()))}",
        )
        return Criterion(text=item.text, line=item.line)
    for seconds in (criterion.seconds, criterion.within):
        if seconds == 0 or (seconds or 0) > DAY:
            report.error(
                item.line,
                f"the criterion {quoted(item.text)} asks for {'no time' if seconds == 0 else 'more than 24 hours'}",
                "name 1 second to 24 hours",
            )
    return criterion


def _expression(item: _Said, readers: Readers, report: Report) -> Criterion:
    """A criterion that is written as an expression, with "for …" or "within …" behind it."""
    if not check_expression(item.code, item.line, readers, report):
        return Criterion(text=item.text, line=item.line)
    named = _BEHIND.fullmatch(item.behind)
    seconds = seconds_in(named["duration"]) if named else None
    if item.behind and seconds is None:
        report.error(
            item.line,
            f"behind the expression stands {quoted(item.behind)}, which is no length of time",
            'write "for 5 minutes" or "within 10 minutes" behind it, or nothing',
        )
    lasts = bool(named and named["word"] == "for")
    return Criterion(
        text=item.text,
        line=item.line,
        expression=item.code,
        must="stay" if lasts else "become",
        seconds=seconds if lasts else None,
        within=None if lasts else seconds,
    )
