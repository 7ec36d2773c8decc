"""Success criteria: sentences to typed checks. What is not understood stays in the plan as unverified."""

import re
from collections.abc import Callable, Iterator
from functools import partial

from runmend.plan.criteria import ContainerStarted, Criterion, NoNewEvents, NoRestarts, PodRunning, Unreadable
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import Bullets, Code, Document, Inline, Item, Other, Section
from runmend.runbook.phrases import DAY, DURATION, STATE, known_states, seconds_in, sentence, state_in

WINDOW_SECONDS = 300
EXAMPLES = (
    '"Pod transitions from `ImagePullBackOff` to `Running`", "Pod is Running", "Container starts successfully", '
    '"No new `ImagePullBackOff` events for 5 minutes" or "No container restarts for 5 minutes"'
)

_WHOSE = r"(?:(?:the|all|every|each|of|its|affected|new|replacement|patched|target|deployment|workload) )*"
_OF = r"(?: status| state| phase)?(?: of (?:the|its) (?:deployment|target|workload|owner))?"
_BECOME = r"(?:is|are|become|becomes|reach|reaches|enter|enters|get|gets|must be|should be) (?:all |back |again |now )*"
_MOVE = (
    r"(?:transition(?:s|ed)?|moves?|moved|changes?|changed|goes|go|went|switch(?:es|ed)?|recover(?:s|ed)?|"
    r"returns?|returned) (?:back )?"
)
_READY = r"(?:running|ready)(?:(?:,? and |, ?| & |/)(?:running|ready))?"
_RUNNING = rf"(?:in )?(?:a |the )?{_READY}(?: (?:state|status|phase))?(?: again)?"
_START = r"starts?|started|successfully (?:starts?|started)"
_NO = r"(?:there (?:is|are) )?no (?:new |more |further |additional |other )*"
_NOT = r"(?:does not|do not|doesnt|dont|did not|didnt|never)"
_PREPOSITION = (
    r"(?:(?:for|during|over|throughout)(?: at least)?(?: the)?(?: (?:next|following|last))?(?: a period of)?|"
    r"in the (?:next|following|last))"
)
"""Before a time that it must hold for. "Within" and a bare "in" are deadlines as well, so they are not read."""
_FOR = rf"(?: {_PREPOSITION} (?P<duration>{DURATION}))?"
_SEEN = r"(?: (?:are |is )?(?:occurs?|appears?|seen|observed|reported|recorded|emitted|happens?))?"

Reader = Callable[[re.Match[str], str, int], Criterion | None]


def _running(found: re.Match[str], text: str, line: int) -> Criterion | None:
    leaves = found.groupdict().get("state")
    state = state_in(leaves) if leaves else None
    return None if leaves and not state else PodRunning(text=text, line=line, leaves=state)


def _started(_: re.Match[str], text: str, line: int) -> Criterion:
    return ContainerStarted(text=text, line=line)


def _no_events(found: re.Match[str], text: str, line: int) -> Criterion | None:
    state = state_in(found["state"])
    return NoNewEvents(text=text, line=line, state=state, seconds=_seconds(found)) if state else None


def _no_restarts(found: re.Match[str], text: str, line: int) -> Criterion:
    return NoRestarts(text=text, line=line, seconds=_seconds(found))


def _seconds(found: re.Match[str]) -> int | None:
    return seconds_in(found["duration"]) if found["duration"] else None


_PATTERNS: tuple[tuple[str, Reader], ...] = (
    (
        rf"{_WHOSE}pods?{_OF} (?:has |have )?{_MOVE}(?:from (?P<state>{STATE})(?: state| status)? )?to {_RUNNING}",
        _running,
    ),
    (rf"{_WHOSE}(?:pods?|replicas?){_OF} {_BECOME}{_RUNNING}", _running),
    (rf"{_WHOSE}containers? {_BECOME}ready(?: again)?", _running),
    (
        (
            rf"{_WHOSE}containers? (?:has |have |is |are )?(?:{_START})(?: up)?(?: successfully| cleanly| again| "
            r"without errors?)?"
        ),
        _started,
    ),
    (rf"{_WHOSE}containers? (?:is|are) (?:now )?running(?: again)?", _started),
    (rf"{_NO}(?P<state>{STATE})(?: state)? events?{_SEEN}{_FOR}", _no_events),
    (rf"{_NO}(?:container |pod )?restarts?(?: of (?:the|any) (?:container|pod)s?)?{_SEEN}{_FOR}", _no_restarts),
    (rf"no {_WHOSE}(?:containers?|pods?) restarts?(?: again)?{_FOR}", _no_restarts),
    (rf"{_WHOSE}(?:containers?|pods?) {_NOT} restarts?(?: again)?{_FOR}", _no_restarts),
    (rf"{_WHOSE}(?:(?:container|pod) )?restart counts? {_NOT} (?:increase|grow|change){_FOR}", _no_restarts),
)
_SENTENCES = tuple((re.compile(pattern), reader) for pattern, reader in _PATTERNS)


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


def compile_criteria(document: Document, report: Report, *, changes: bool) -> tuple[Criterion, ...]:
    """Compile the section Success Criteria of a runbook; `changes` says whether it changes anything."""
    return tuple(_compile(text, line, report) for text, line in _sentences(document, report, changes=changes))


def window_of(criteria: tuple[Criterion, ...]) -> int:
    """The longest duration that the criteria name, five minutes where none does."""
    named = [
        criterion.seconds
        for criterion in criteria
        if isinstance(criterion, NoNewEvents | NoRestarts) and criterion.seconds
    ]
    return max(named, default=WINDOW_SECONDS)


def criterion_of(text: str, line: int) -> Criterion | None:
    """Compile one sentence; None where it is not understood. Its duration is checked by the caller."""
    words = sentence(text)
    for pattern, reader in _SENTENCES:
        found = pattern.fullmatch(words)
        if found is None:
            continue
        duration = found.groupdict().get("duration")
        if duration and seconds_in(duration) is None:
            continue
        return reader(found, text, line)
    return None


def _sentences(document: Document, report: Report, *, changes: bool) -> Iterator[tuple[str, int]]:
    for part in document.section(Section.CRITERIA):
        if part.heading and not part.opens and (word := _turn(part.heading.plain)):
            _refuse(f"the heading {quoted(part.heading.plain)}", word, part.line, report, changes=changes)
        listing = any(isinstance(block, Bullets) for block in part.blocks)
        for block in part.blocks:
            match block:
                case Bullets():
                    for item in block.items:
                        yield from _sentence(_whole(item), item.line, report, changes=changes)
                case Inline() if listing or block.plain.endswith(":"):
                    _introduction(block, report, changes=changes)
                case Inline():
                    yield from _sentence(block.plain, block.line, report, changes=changes)
                case Other() | Code():
                    kind = block.kind if isinstance(block, Other) else "a code block"
                    word = _turn(block.text)
                    if word:
                        _refuse(kind, word, block.line, report, changes=changes)
                    else:
                        report.warning(Kind.UNREAD_TEXT, block.line, f"{kind} is not read as a criterion", _AS_ITEM)


_AS_ITEM = "write each criterion as a list item of its own"


def _sentence(text: str, line: int, report: Report, *, changes: bool) -> Iterator[tuple[str, int]]:
    """A criterion; refused where it speaks of the others and may turn their meaning."""
    word = _turn(text)
    if word and (_REFERS.search(_plain(text)) or _JOINS.search(_plain(text))) and criterion_of(text, line) is None:
        _refuse(f"the criterion {quoted(text)}", word, line, report, changes=changes)
    yield text, line


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


def _compile(text: str, line: int, report: Report) -> Criterion:
    criterion = criterion_of(text, line)
    if criterion is None:
        unknown = _unknown_state(text)
        if unknown:
            report.warning(
                Kind.UNVERIFIED,
                line,
                f"the criterion {quoted(text)} names an unknown state {quoted(unknown)}, so it will be reported "
                "as unverified",
                f"known states are {known_states()}",
            )
        else:
            report.warning(
                Kind.UNVERIFIED,
                line,
                f"the criterion {quoted(text)} is not understood, so it will be reported as unverified",
                (
                    '"within" is a deadline; to say how long it must hold write "for …"; '
                    if "within" in sentence(text)
                    else ""
                )
                + f"write for example {EXAMPLES}",
            )
        return Unreadable(text=text, line=line)
    seconds = criterion.seconds if isinstance(criterion, NoNewEvents | NoRestarts) else None
    if seconds == 0 or (seconds or 0) > DAY:
        report.error(
            line,
            f"the criterion {quoted(text)} asks for {'no time' if seconds == 0 else 'more than 24 hours'}",
            "name 1 second to 24 hours",
        )
    return criterion


def _unknown_state(text: str) -> str | None:
    words = sentence(text)
    for pattern, _ in _SENTENCES:
        found = pattern.fullmatch(words)
        state = found.groupdict().get("state") if found else None
        if state and state_in(state) is None:
            at = words.find(state)
            return next((word for word in text.split() if sentence(word) == state), words[at : at + len(state)])
    return None
