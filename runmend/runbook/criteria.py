"""Success criteria: sentences to typed checks. What is not understood stays in the plan as unverified."""

import re
from collections.abc import Callable, Iterator

from runmend.criteria import ContainerStarted, Criterion, NoNewEvents, NoRestarts, PodRunning, Unreadable
from runmend.runbook.diagnostics import Report, quoted
from runmend.runbook.document import Code, Document, Inline, Item, Other, Section
from runmend.runbook.phrases import DAY, DURATION, STATE, known_states, seconds_in, sentence, state_in

WINDOW_SECONDS = 300
EXAMPLES = (
    '"Pod transitions from `ImagePullBackOff` to `Running`", "Pod is Running", "Container starts successfully", '
    '"No new `ImagePullBackOff` events for 5 minutes" or "No container restarts for 5 minutes"'
)

_WHOSE = r"(?:(?:the|all|every|each|any|of|its|affected|new|replacement|patched|target|deployment|workload) )*"
_OF = r"(?: status| state| phase)?(?: of (?:the|its) (?:deployment|target|workload|owner))?"
_BECOME = r"(?:is|are|become|becomes|reach|reaches|enter|enters|get|gets|must be|should be) (?:all |back |again |now )*"
_MOVE = r"(?:transition(?:s|ed)?|moves?|moved|changes?|changed|goes|go|went|switch(?:es|ed)?|recover(?:s|ed)?|returns?|returned) (?:back )?"
_READY = r"(?:running|ready)(?:(?:,? and |, ?| & |/)(?:running|ready))?"
_RUNNING = rf"(?:in )?(?:a |the )?{_READY}(?: (?:state|status|phase))?(?: again)?"
_START = r"starts?|started|successfully (?:starts?|started)"
_NO = r"(?:there (?:is|are) )?no (?:new |more |further |additional |other )*"
_NOT = r"(?:does not|do not|doesnt|dont|did not|didnt|never)"
_PREPOSITION = r"(?:for|in|within|during|over|throughout)(?: at least)?(?: the)?(?: (?:next|following|last))?(?: a period of)?"
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
    (rf"{_WHOSE}containers? (?:has |have |is |are )?(?:{_START})(?: up)?(?: successfully| cleanly| again| without errors?)?", _started),
    (rf"{_WHOSE}containers? (?:is|are) (?:now )?running(?: again)?", _started),
    (rf"{_NO}(?P<state>{STATE})(?: state)? events?{_SEEN}{_FOR}", _no_events),
    (rf"{_NO}(?:container |pod )?restarts?(?: of (?:the|any) (?:container|pod)s?)?{_SEEN}{_FOR}", _no_restarts),
    (rf"no {_WHOSE}(?:containers?|pods?) restarts?(?: again)?{_FOR}", _no_restarts),
    (rf"{_WHOSE}(?:containers?|pods?) {_NOT} restarts?(?: again)?{_FOR}", _no_restarts),
    (rf"{_WHOSE}(?:(?:container|pod) )?restart counts? {_NOT} (?:increase|grow|change){_FOR}", _no_restarts),
)
_SENTENCES = tuple((re.compile(pattern), reader) for pattern, reader in _PATTERNS)


def compile_criteria(document: Document, report: Report) -> tuple[Criterion, ...]:
    """Compile the section Success Criteria."""
    return tuple(_compile(text, line, report) for text, line in _sentences(document, report))


def window_of(criteria: tuple[Criterion, ...]) -> int:
    """The longest duration that the criteria name, five minutes where none does."""
    named = [criterion.seconds for criterion in criteria if isinstance(criterion, NoNewEvents | NoRestarts) and criterion.seconds]
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


def _sentences(document: Document, report: Report) -> Iterator[tuple[str, int]]:
    for part in document.section(Section.CRITERIA):
        if not part.items:
            for block in part.blocks:
                if isinstance(block, Inline) and not block.plain.endswith(":"):
                    yield block.plain, block.line
        for item in part.items:
            yield _whole(item), item.line
        for block in part.blocks:
            if isinstance(block, Other | Code) or (isinstance(block, Inline) and part.items and not block.plain.endswith(":")):
                kind = block.kind if isinstance(block, Other) else "a code block" if isinstance(block, Code) else "text beside the list"
                report.warning(block.line, f"{kind} is not read as a criterion", "write each criterion as a list item of its own")


def _whole(item: Item) -> str:
    """An item with all that stands under it: `one of:` and its alternatives are one sentence, and not one that is understood."""
    texts = [item.inline.plain, *(more.plain for more in item.more), *(code.text.strip() for code in item.codes)]
    return " / ".join([*texts, *(_whole(child) for child in item.items)])


def _compile(text: str, line: int, report: Report) -> Criterion:
    criterion = criterion_of(text, line)
    if criterion is None:
        unknown = _unknown_state(text)
        if unknown:
            report.warning(
                line,
                f"the criterion {quoted(text)} names an unknown state {quoted(unknown)}, so it will be reported as unverified",
                f"known states are {known_states()}",
            )
        else:
            report.warning(
                line,
                f"the criterion {quoted(text)} is not understood, so it will be reported as unverified",
                f"write for example {EXAMPLES}",
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
