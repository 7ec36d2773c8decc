"""The sentences that a criterion may be, each with the expression that it stands for: one table.

Called by `runbook.criteria`. A row is one family of sentences: a pattern over plain words, the expression, and
examples, each of which is a test. Patterns are matched whole, against lower-case words of at most `phrases.LONGEST`
characters.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal

from runmend.facts.states import State
from runmend.language.states import STATES
from runmend.runbook.diagnostics import quoted
from runmend.runbook.phrases import DURATION, STATE, number_in, seconds_in, sentence, state_in

Must = Literal["become", "stay"]

_WHOSE = r"(?:(?:the|all|every|each|of|its|affected|new|replacement|patched|target|deployment|workload) )*"
_OF = r"(?: status| state| phase)?(?: of (?:the|its) (?:deployment|target|workload|owner))?"
_BECOME = r"(?:is|are|become|becomes|reach|reaches|enter|enters|get|gets|must be|should be) (?:all |back |again |now )*"
_STAY = r"(?:stays?|remains?|keeps?|continues? to be) "
_MOVE = (
    r"(?:transition(?:s|ed)?|moves?|moved|changes?|changed|goes|go|went|switch(?:es|ed)?|recover(?:s|ed)?|"
    r"returns?|returned) (?:back )?"
)
_WELL = r"(?:running|ready|healthy|available|serving)"
_RUNNING = rf"(?:in )?(?:a |the )?{_WELL}(?:(?:,? and |, ?| & |/){_WELL})?(?: (?:state|status|phase))?(?: again)?"
_START = r"starts?|started|successfully (?:starts?|started)"
_NO = r"(?:there (?:is|are) )?no (?:new |more |further |additional |other )*"
_NOT = r"(?:does not|do not|doesnt|dont|did not|didnt|never|is not|are not|isnt|arent)"
_SEEN = r"(?: (?:are |is )?(?:occurs?|appears?|seen|observed|reported|recorded|emitted|happens?))?"
_IN = r"(?: (?:is|are|remains?|stays?))? (?:in|stuck in) (?:the |an? )?"
_COUNT = r"(?P<count>\w+)"
_STATE = rf"(?P<state>{STATE})(?: state| status)?"
_PODS = r"(?:pods?|replicas?)"
_PROBES = r"(?:probes?|checks?|health checks?)"
_AT_LEAST = r"(?:at least|a minimum of)"
_OF_ANY = r"(?: of (?:the|any) (?:container|pod)s?)?"
_RESTART_COUNT = rf"{_WHOSE}(?:(?:container|pod) )?restart counts?"
_PREPOSITION = (
    r"(?:(?:for|during|over|throughout)(?: at least)?(?: the)?(?: (?:next|following|last))?(?: a period of)?|"
    r"in the (?:next|following|last))"
)
_FOR = re.compile(rf"(?P<rest>.*?) {_PREPOSITION} (?P<duration>{DURATION})")
"""Behind a sentence: for how long it must hold. A bare "in" is a deadline as well, so it is not read."""
_WITHIN = re.compile(rf"(?P<rest>.*?)(?: within| in less than| in under) (?P<duration>{DURATION})")
"""Behind a sentence: until when it must have become true."""

_SOME = "pods.size() > 0"
_ALL_RUN = f"{_SOME} && pods.all(p, p.running)"
_STARTED = f"{_SOME} && pods.all(p, p.containers.all(c, c.done || (c.state == 'running' && c.started)))"
_READY = f"{_SOME} && pods.all(p, p.containers.all(c, c.must_end || c.ready))"
_ROLLED_OUT = "workload.updated >= workload.replicas && workload.available >= workload.replicas"


@dataclass(frozen=True, slots=True)
class Form:
    """A family of sentences. `{state}` and `{count}` of the expression are what the pattern has found.

    `must` is what it must do where the sentence names no time. One that must become true may name for how long it must
    hold where `lasting` is not None: that is what must hold then as well.
    """

    pattern: str
    expression: str
    examples: tuple[str, ...]
    must: Must = "become"
    lasting: str | None = None

    @property
    def may_last(self) -> bool:
        """Whether it may name for how long it must hold."""
        return self.must == "stay" or self.lasting is not None


FORMS: Final = (
    Form(
        rf"{_WHOSE}{_PODS}{_OF} (?:has |have )?{_MOVE}from {_STATE} to {_RUNNING}",
        f'{_ALL_RUN} && !waiting("{{state}}")',
        ("Pod transitions from `ImagePullBackOff` to `Running`", "Pods move from CrashLoopBackOff to Ready"),
    ),
    Form(
        rf"{_WHOSE}{_PODS}{_OF} (?:has |have )?{_MOVE}to {_RUNNING}",
        _ALL_RUN,
        ("Pod returns to Running",),
    ),
    Form(
        rf"{_WHOSE}(?:pods?|replicas?|containers?){_OF} {_BECOME}{_RUNNING}",
        _ALL_RUN,
        ("All pods are Running and Ready", "Pod becomes healthy", "All replicas are available"),
        lasting="!restarted",
    ),
    Form(
        rf"{_WHOSE}(?:pods?|replicas?|containers?){_OF} {_STAY}{_RUNNING}",
        f"{_ALL_RUN} && !restarted",
        ("Pods stay Ready for 10 minutes", "The container remains running"),
        must="stay",
    ),
    Form(
        rf"{_WHOSE}(?:pods?|containers?) pass(?:es)? (?:the |its |their |all )*(?:readiness )?{_PROBES}",
        _READY,
        ("Pod passes its readiness probe", "Containers pass their health checks"),
    ),
    Form(
        rf"{_WHOSE}readiness {_PROBES} (?:is |are )?(?:pass(?:es|ing)?|succeeds?|succeeding)",
        _READY,
        ("Readiness probes pass",),
    ),
    Form(
        (
            rf"{_WHOSE}containers? (?:has |have |is |are )?(?:{_START})(?: up)?(?: successfully| cleanly| again| "
            r"without errors?)?"
        ),
        f"{_STARTED} && !restarted",
        ("Container starts successfully", "All containers have started"),
    ),
    Form(
        rf"{_WHOSE}(?:pods?|containers?) (?:is |are )?(?:no longer|not) (?:in |stuck in )?(?:the )?{_STATE}",
        f'{_SOME} && !waiting("{{state}}")',
        ("Pod is no longer in ImagePullBackOff",),
        lasting="",
    ),
    Form(
        rf"{_NO}(?:pods?|containers?|replicas?){_IN}{_STATE}",
        f'{_SOME} && !waiting("{{state}}")',
        ("No pods in CrashLoopBackOff", "No container is in ImagePullBackOff state"),
        lasting="",
    ),
    Form(
        rf"{_AT_LEAST} {_COUNT} (?:pods?|replicas?)(?: of (?:the|its) \w+)? {_BECOME}{_RUNNING}",
        "pods.filter(p, p.running).size() >= {count}",
        ("At least 2 replicas are available",),
        lasting="",
    ),
    Form(
        (
            rf"{_AT_LEAST} (?P<percent>\d{{1,3}}) ?(?:%|percent) of (?:the |all )*(?:pods|replicas) "
            rf"{_BECOME}{_RUNNING}"
        ),
        f"{_SOME} && pods.filter(p, p.running).size() * 100 >= {{percent}} * pods.size()",
        ("At least 80% of the pods are Ready",),
        lasting="",
    ),
    Form(
        (
            r"(?:the )?(?:deployment |workload )?(?:rollout|deployment|roll-out)(?: status)? (?:is |has |has been )?"
            r"(?:successfully )?(?:completes?|completed|finish(?:es|ed)?|succeeds?|succeeded|successful)"
            r"(?: successfully)?"
        ),
        _ROLLED_OUT,
        ("Rollout completes", "The deployment rollout has completed successfully"),
    ),
    Form(
        (
            r"(?:the )?(?:deployment|workload) (?:is|becomes|must be|should be) (?:fully )?"
            r"(?:available|healthy|ready|up)(?: again)?"
        ),
        _ROLLED_OUT,
        ("The Deployment is available",),
        lasting="!restarted",
    ),
    Form(
        rf"{_NO}(?P<event>{STATE})(?: state)? events?{_SEEN}",
        f'!events.new("{{event}}") && {_SOME} && !waiting("{{event}}")',
        ("No new `ImagePullBackOff` events for 5 minutes", "No CrashLoopBackOff events for 10 minutes"),
        must="stay",
    ),
    Form(
        rf"{_NO}warnings?(?: events?)?{_SEEN}",
        f'!events.new("Warning") && {_SOME}',
        ("No new warning events for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?P<ended>{STATE})(?: container)? (?:terminations?|kills?|restarts?|exits?){_SEEN}",
        f'!(restarted && terminated("{{ended}}")) && {_SOME}',
        ("No OOMKilled terminations for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?:containers?|pods?) (?:is |are |get |gets )?(?P<ended>{STATE})",
        f'!(restarted && terminated("{{ended}}")) && {_SOME}',
        ("No container is OOMKilled for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?:container |pod )?restarts?{_OF_ANY}{_SEEN}",
        f"!restarted && {_SOME}",
        ("No container restarts for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"no {_WHOSE}(?:containers?|pods?) (?:restarts?|restarted)(?: again)?",
        f"!restarted && {_SOME}",
        ("No containers restarted for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{_WHOSE}(?:containers?|pods?) {_NOT} (?:restarts?|restarting|crash(?:es|ing)?)(?: again)?",
        f"!restarted && {_SOME}",
        ("The container does not restart for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{_NO}(?:container |pod )?(?:crash events?|crashes|crash ?loops?){_OF_ANY}{_SEEN}",
        f'!restarted && {_SOME} && !waiting("CrashLoopBackOff")',
        ("No crashes for 10 minutes", "No further crash events for 5 minutes"),
        must="stay",
    ),
    Form(
        rf"{_RESTART_COUNT} (?:{_NOT} (?:increase|grow|change|increasing|growing)|"
        r"(?:is |remains? |stays? )(?:stable|constant|unchanged|the same))",
        f"!restarted && {_SOME}",
        ("Restart count does not increase for 10 minutes", "Restart count remains stable"),
        must="stay",
    ),
    Form(
        rf"{_RESTART_COUNT} (?:is|are|stays?|remains?) (?:below|under|less than|lower than) {_COUNT}",
        f"{_SOME} && pods.all(p, p.containers.all(c, c.restarts < {{count}}))",
        ("Restart count stays below 3 for 5 minutes",),
        must="stay",
    ),
)
_COMPILED: Final = tuple((re.compile(form.pattern), form) for form in FORMS)


@dataclass(frozen=True, slots=True)
class Read:
    """What a sentence stands for. `seconds`: for how long it must hold; `within`: until when it must become true."""

    form: Form
    expression: str
    must: Must
    seconds: int | None = None
    within: int | None = None
    leaves: str | None = None


def read_sentence(text: str) -> Read | None:
    """Read a sentence; None where it is not understood."""
    words = sentence(text)
    if read := _read(words, lasting=False):
        return read
    if (found := _FOR.fullmatch(words)) and (seconds := seconds_in(found["duration"])) is not None:
        read = _read(found["rest"], lasting=True)
        return read and Read(read.form, read.expression, "stay", seconds, None, read.leaves)
    if (found := _WITHIN.fullmatch(words)) and (seconds := seconds_in(found["duration"])) is not None:
        read = _read(found["rest"], lasting=False)
        if read and read.must == "become":
            return Read(read.form, read.expression, "become", None, seconds, read.leaves)
    return None


def _read(words: str, *, lasting: bool) -> Read | None:
    for pattern, form in _COMPILED:
        found = pattern.fullmatch(words)
        if not found or (lasting and not form.may_last):
            continue
        values = _values(found.groupdict())
        if values is None:
            continue
        expression = f"{form.expression} && {form.lasting}" if lasting and form.lasting else form.expression
        for name, value in values.items():
            expression = expression.replace(f"{{{name}}}", value)
        state = STATES[values["state"]] if form is FORMS[0] else None
        return Read(form, expression, form.must, leaves=state.name if state and state.repaired else None)
    return None


def _values(found: dict[str, str | None]) -> dict[str, str] | None:
    """What the pattern has found, as the expression has it; None where one is nothing that it can be."""
    values: dict[str, str] = {}
    for name, text in found.items():
        match name, text:
            case _, None:
                continue
            case "count" | "percent", str():
                number = number_in(text)
                if number is None:
                    return None
                values[name] = str(number)
            case _, str():
                state = state_in(text, _asked(name))
                if state is None:
                    return None
                values[name] = state
    return values


_SHOWN: Final[dict[str, Callable[[State], bool]]] = {
    "event": lambda state: bool(state.events),
    "ended": lambda state: bool(state.terminated),
    "state": lambda state: bool(state.waiting or state.pod),
}


_NOT_SHOWN: Final = {
    "event": "asks for events, and none speaks of",
    "ended": "asks for containers that end, and none ends for",
    "state": "asks for containers that wait, and none waits in",
}


def _asked(name: str) -> dict[str, State]:
    """The states that may stand in a place: for an event, those that events speak of."""
    return {state.name: state for state in STATES.values() if _SHOWN[name](state)}


def wrong_state(text: str) -> tuple[str, str] | None:
    """What is wrong with the state that a sentence names, and the states that may stand there.

    None where the sentence is not one that names a state.
    """
    words = sentence(text)
    duration = _FOR.fullmatch(words) or _WITHIN.fullmatch(words)
    for each in (words, duration["rest"] if duration else words):
        for pattern, _ in _COMPILED:
            found = pattern.fullmatch(each)
            for name in ("state", "event", "ended") if found else ():
                named = found.groupdict().get(name) if found else None
                if not named or state_in(named, _asked(name)) is not None:
                    continue
                word = next((word for word in text.split() if sentence(word) == named), named)
                known = state_in(named, STATES)
                what = f"{_NOT_SHOWN[name]} {known}" if known else f"names an unknown state {quoted(word)}"
                return what, ", ".join(_asked(name))
    return None


def nearest(text: str) -> str:
    """What to write instead of a sentence that is not understood: the example that is most like it, where one is."""
    examples = {example.lower(): example for form in FORMS for example in form.examples}
    near = next(iter(get_close_matches(sentence(text), examples, 1)), None)
    return f'did you mean "{examples[near]}"?' if near else "`runmend sentences` lists what is understood"
