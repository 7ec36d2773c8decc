"""Read a sentence by the table of forms: a criterion, or a condition.

Called wherever the compiler reads what must hold. What a row of `runbook.forms` means is read here, and nowhere else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from runmend.core.names import dns_label
from runmend.core.quantities import byte_count, millicores
from runmend.facts.outside import NoQuestion, Question, placeholders_of
from runmend.facts.states import State
from runmend.language.states import STATES
from runmend.runbook.diagnostics import quoted
from runmend.runbook.forms import FORMS, NODE_WELL, REASONS, Form, Must, Place
from runmend.runbook.labels import Labels, labels_in
from runmend.runbook.phrases import DURATION, number_in, seconds_in, sentence, state_in

OWNERS: Final = {
    kind.lower(): kind
    for kind in (
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "Node",
        "ReplicaSet",
        "ReplicationController",
        "Rollout",
        "StatefulSet",
    )
}
_COMPARED: Final = {
    **dict.fromkeys(("at least",), ">="),
    **dict.fromkeys(("at most", "no more than", "within"), "<="),
    **dict.fromkeys(("more than", "above", "over", "exceed", "exceeds", "greater than", "higher than"), ">"),
    **dict.fromkeys(("fewer than", "less than", "below", "under", "beneath", "lower than"), "<"),
    **dict.fromkeys(("exactly",), "=="),
}
_NEVER: Final = frozenset({"does", "do", "doesnt", "never", "must", "should"})
"""How words begin that say of a value that it does not exceed another."""
_WHOLE: Final = "100"
"""What share of a limit is meant where none is named, in percent."""
_AMOUNT: Final = re.compile(r"(?P<number>[\d.]+) ?(?P<unit>[a-z]*)")
_URL: Final = re.compile(r"https?://[^\s`<>\"']+", re.IGNORECASE)
_PRESSURES: Final = {
    "pressure": "node.under_pressure",
    "memorypressure": "node.memory_pressure",
    "diskpressure": "node.disk_pressure",
    "pidpressure": "node.pid_pressure",
}
_NODE: Final = {
    **dict.fromkeys(("ready",), "node.ready"),
    **dict.fromkeys(("notready", "unready"), "!node.ready"),
    **dict.fromkeys(("healthy",), "node.ready && !node.under_pressure"),
    **dict.fromkeys(("unhealthy", "nothealthy"), "!(node.ready && !node.under_pressure)"),
    **dict.fromkeys(("schedulable", "uncordoned", "notcordoned"), "node.schedulable"),
    **dict.fromkeys(("cordoned", "unschedulable", "notschedulable", "schedulingdisabled"), "!node.schedulable"),
    **_PRESSURES,
    **{f"under{words}": fact for words, fact in _PRESSURES.items()},
    **{f"{word}{words}": f"!{fact}" for words, fact in _PRESSURES.items() for word in ("no", "notunder")},
}
"""What is said of a node, without its spaces, and the expression that it stands for."""
_PREPOSITION = (
    r"(?:(?:for|during|over|throughout)(?: at least)?(?: the)?(?: (?:next|following|last))?(?: a period of)?|"
    r"in the (?:next|following|last))"
)
_FOR = re.compile(rf"(?P<rest>.*) {_PREPOSITION} (?P<duration>{DURATION})")
"""Behind a criterion: for how long it must hold. A bare "in" is a deadline as well, so it is not read."""
_WITHIN = re.compile(rf"(?P<rest>.*?)(?: within| in less than| in under) (?P<duration>{DURATION})")
"""Behind a criterion: until when it must have become true."""
_IN_WINDOW = re.compile(
    r" (?:within|in|during|throughout|over|for) the (?:whole |entire )?(?:verification|observation) (?:window|period)$"
)
"""Behind a criterion that is held for as long as the window is."""
_COMPILED: Final = tuple((re.compile(form.pattern), form) for form in FORMS)


@dataclass(frozen=True, slots=True)
class Read:
    """What a sentence stands for. `seconds`: for how long it must hold; `within`: until when it must become true.

    `leaves` is the state that a transition leaves, `state` the one that "Pod is in …" names, `owner` the kind that the
    pod must be owned by, `labels` those that the alert must carry; the last two have no expression.
    """

    form: Form
    expression: str
    must: Must
    seconds: int | None = None
    within: int | None = None
    leaves: str | None = None
    state: str | None = None
    owner: str | None = None
    labels: Labels | None = None


def read_sentence(text: str, place: Place = "criterion", query: str = "") -> Read | None:
    """Read a sentence, in Markdown without its bold marks, as it may stand in a place; None where it is not
    understood. `query` is the one of Prometheus that stands with it.
    """
    words = _IN_WINDOW.sub("", sentence(text))
    if read := _read(words, text, place, query, lasting=False):
        return read
    if place == "condition":
        return None
    if (found := _FOR.fullmatch(words)) and (seconds := seconds_in(found["duration"])) is not None:
        read = _read(found["rest"], text, place, query, lasting=True)
        return read and replace(read, must="stay", seconds=seconds)
    if (found := _WITHIN.fullmatch(words)) and (seconds := seconds_in(found["duration"])) is not None:
        read = _read(found["rest"], text, place, query, lasting=False)
        if read and read.must == "become":
            return replace(read, within=seconds)
    return None


def _read(words: str, text: str, place: Place, query: str, *, lasting: bool) -> Read | None:
    for pattern, form in _COMPILED:
        found = pattern.fullmatch(words) if form.may_stand(place) and bool(form.query) == bool(query) else None
        if not found or (lasting and not form.may_last):
            continue
        named = {name: each for name, each in found.groupdict().items() if each is not None}
        if "labels" in named:
            labels = labels_in(text)
            if labels:
                return Read(form, "", form.must, labels=labels)
            continue
        if "url" in named:
            named["url"] = _as_written(named["url"], text)
        values = {name: value for name, each in named.items() if (value := _VALUES[name](each)) is not None}
        if len(values) < len(named):
            continue
        expression = f"{form.expression} && {form.lasting}" if lasting and form.lasting else form.expression
        # Of a form's several ways to say it, one was taken.
        for name in pattern.groupindex:
            value = values.get(name, _WHOLE if name == "percent" else "")
            expression = expression.replace(f"{{{name}}}", _as_asked(value) if value and name == "shown" else value)
        expression = expression.replace("{query}", constant(query))
        leaves = values["state"] if form.leaves and STATES[values["state"]].of_containers else None
        return Read(form, expression, form.must, leaves=leaves, state=values.get("shown"), owner=values.get("owner"))
    return None


def _as_asked(state: str) -> str:
    """A call that asks for a state, by what shows it."""
    known = STATES[state]
    return f'waiting("{state}")' if known.waiting or known.pod else f'terminated("{state}")'


def _of_a_node(words: str) -> str | None:
    """The expression that shows what is said of a node: in words, or by the name of a state."""
    if said := _NODE.get(words.replace(" ", "")):
        return said
    state = state_in(words.replace("not ready", "notready"), _asked("node"))
    return STATES[state].node if state else None


def _sign(words: str) -> str | None:
    """The comparison that words stand for; what never exceeds another is at most as large."""
    return _COMPARED.get(words) or ("<=" if words.split(maxsplit=1)[0] in _NEVER else None)


def _amount(words: str, *, processor: bool) -> str | None:
    """An amount of memory in bytes, or of processor in thousandths of one; lower case has lost nothing: people write
    `m` of memory for millions of bytes.
    """
    found = _AMOUNT.fullmatch(words)
    if not found or found["number"].count(".") > 1:
        return None
    unit = found["unit"].removesuffix("b")
    try:
        if processor:
            return str(millicores(found["number"] + ("m" if unit in ("m", "millicores") else "")))
        return str(byte_count(found["number"] + (unit if unit == "k" else unit.capitalize())))
    except ValueError:
        return None


def _as_written(url: str, text: str) -> str:
    """An address as it stands in the text, where its letters are as they were; empty where that cannot be told."""
    found = {each for each in _URL.findall(text) if each.lower() == url}
    return found.pop() if len(found) == 1 else ""


def _address(url: str) -> str | None:
    """What an expression has for an address."""
    try:
        placeholders_of(Question("http", url))
    except NoQuestion:
        return None
    return constant(url)


def constant(text: str) -> str:
    """A text as an expression writes it."""
    if '"' in text and "'" not in text and "\\" not in text:
        return f"'{text}'"
    escaped = text.translate({ord("\\"): "\\\\", ord('"'): '\\"'})
    return f'"{escaped}"'


def _share(text: str) -> str | None:
    """A share of all, 1 for 100 percent; None where it is more."""
    share = Decimal(text) / 100
    return str(float(share)) if share <= 1 else None


def _level(words: str) -> str | None:
    """A level of a query's value, times in seconds."""
    found = _AMOUNT.fullmatch(words)
    return str(float(Decimal(found["number"]) / (1000 if found["unit"].startswith("m") else 1))) if found else None


def _number(text: str) -> str | None:
    number = number_in(text)
    return None if number is None else str(number)


def _namespace(text: str) -> str | None:
    try:
        return dns_label(text)
    except ValueError:
        return None


_SHOWN: Final[dict[str, Callable[[State], bool]]] = {
    "event": lambda state: bool(state.events),
    "ended": lambda state: bool(state.terminated),
    "state": lambda state: bool(state.waiting or state.pod or state.lingers),
    "node": lambda state: bool(state.node),
    "shown": lambda state: bool(state.waiting or state.pod or state.terminated),
}
_NOT_SHOWN: Final = {
    "event": "asks for events, and none speaks of",
    "ended": "asks for containers that end, and none ends for",
    "state": "asks for containers that wait, and none waits in",
    "node": "asks for a node, and none is in",
    "shown": "asks for pods or containers, and none is in",
}


def _asked(name: str) -> dict[str, State]:
    """The states that may stand in a place: for an event, those that events speak of."""
    return {state.name: state for state in STATES.values() if _SHOWN[name](state)}


_VALUES: Final[dict[str, Callable[[str], str | None]]] = {
    "count": _number,
    "percent": _number,
    "compared": _COMPARED.get,
    "sign": _sign,
    "resource": lambda words: "cpu" if words in ("cpu", "processor") else "memory",
    "bound": lambda words: f"{words}s",
    "bytes": lambda words: _amount(words, processor=False),
    "millicores": lambda words: _amount(words, processor=True),
    "owner": OWNERS.get,
    "url": _address,
    "http_status": str,
    "share": _share,
    "level": _level,
    "phase": str.capitalize,
    "past": str.capitalize,
    "or_more": _number,
    "has": _number,
    "number": _number,
    "part": _number,
    "reason": REASONS.get,
    "at_least": _sign,
    "age": lambda words: None if (seconds := seconds_in(words)) is None else f"{seconds}s",
    "manager": {"argo cd": "argo_cd", "argocd": "argo_cd", "argo": "argo_cd", "flux": "flux", "helm": "helm"}.get,
    "which": str,
    "what": lambda words: f"{words}s",
    "label": str,
    "killed": lambda words: state_in(words, _asked("ended")),
    "again": lambda words: state_in(words, _asked("ended")),
    "was": _of_a_node,
    "pressure": _of_a_node,
    "left": lambda words: state_in(words, _asked("state")),
    "namespace": _namespace,
    "node": _of_a_node,
    "state": lambda words: state_in(words, _asked("state")),
    "event": lambda words: state_in(words, _asked("event")),
    "ended": lambda words: state_in(words, _asked("ended")),
    "shown": lambda words: state_in(words, _asked("shown")),
    "node_well": NODE_WELL.get,
    "node_also": NODE_WELL.get,
}
"""What a pattern's group stands for in the expression; None where its words are nothing that it can be."""


def wrong_state(text: str, place: Place = "criterion") -> tuple[str, str] | None:
    """What is wrong with the state that a sentence names, and the states that may stand there.

    None where the sentence is not one that names a state.
    """
    words = sentence(text)
    duration = _FOR.fullmatch(words) or _WITHIN.fullmatch(words)
    for each in (words, duration["rest"] if duration else words):
        for pattern, form in _COMPILED:
            found = pattern.fullmatch(each) if form.may_stand(place) else None
            for name in _SHOWN if found else ():
                named = found.groupdict().get(name) if found else None
                if not named or _VALUES[name](named) is not None:
                    continue
                word = next((word for word in text.split() if sentence(word) == named), named)
                known = state_in(named, STATES)
                what = f"{_NOT_SHOWN[name]} {known}" if known else f"names an unknown state {quoted(word)}"
                return what, ", ".join(_asked(name))
    return None


def nearest(text: str, place: Place = "criterion", query: str = "") -> str:
    """What to write instead of a sentence that is not understood: the example that is most like it, where one is."""
    forms = [form for form in FORMS if form.may_stand(place) and bool(form.query) == bool(query)]
    examples = {example.lower(): example for form in forms for example in form.examples}
    near = next(iter(get_close_matches(sentence(text), examples, 1)), None)
    return f'did you mean "{examples[near]}"?' if near else "`runmend sentences` lists what is understood"
