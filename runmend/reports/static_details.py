"""A run's summary and details as its page in the Web UI shows them before anything has happened. Pure."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from runmend.alerts.alert import Alert, Target
from runmend.core.markdown import code, link, plain, prose
from runmend.plan.plan import Plan

SUMMARY_BYTES: Final = 390
"""Temporal refuses a start whose summary has more than 400 bytes, or whose details have more than 20,000."""
_DETAILS_BYTES: Final = 19_000
_PROSE_BYTES: Final = 3000
_TITLE_BYTES: Final = 500
_GROWS: Final = 4
"""How much longer a text gets at most that is made plain."""
_ALERTS_LISTED: Final = 100
_ALERTS_WITH_LABELS: Final = 10
_LABELS_BYTES: Final = 1000
_SHA256_SHOWN: Final = 12
_SAID_ALREADY: Final = frozenset({"alertname", "pod", "container"})


def summary_of(plan: Plan, target: Target) -> str:
    """`ImagePullBackOff Remediation: Deployment shop/web`."""
    text = f"{plan.title}: {target}"
    said = plain(text)
    # What is cut afterwards would end in the middle of code, which would then be none.
    return said if len(said.encode()) <= SUMMARY_BYTES else plain(cut(text, SUMMARY_BYTES // _GROWS))


def details_of(plan: Plan, target: Target, alerts: tuple[Alert, ...]) -> str:
    """The runbook, its target and its alerts, as Markdown."""
    lines, left = [], _DETAILS_BYTES
    for line in "\n".join(_lines(plan, target, alerts)).split("\n"):
        left -= len(line.encode()) + 1
        if left < 0:
            lines.append("…")
            break
        lines.append(line)
    return "\n".join(lines)


def cut(text: str, most: int) -> str:
    """A text of at most so many bytes."""
    data = text.encode()
    return text if len(data) <= most else data[: most - 3].decode(errors="ignore") + "…"


def _lines(plan: Plan, target: Target, alerts: tuple[Alert, ...]) -> Iterator[str]:
    head, notes = _of_runbook(plan.title, plan.description, plan.problem, plan.notes)
    yield from head
    yield f"- **Target**: {plain(str(target))} (cluster {plain(target.cluster)})"
    yield f"- **Runbook**: {code(plan.file)}, sha256 {code(plan.sha256[:_SHA256_SHOWN])}"
    yield from notes
    for number, alert in enumerate(alerts[:_ALERTS_LISTED]):
        yield _alert(alert, with_labels=number < _ALERTS_WITH_LABELS)
    if len(alerts) > _ALERTS_LISTED:
        yield f"- and {len(alerts) - _ALERTS_LISTED} more alerts"


@lru_cache(maxsize=64)
def _of_runbook(
    title: str, description: str, problem: str, notes: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a runbook says of itself, before the target and behind it: the same for each of the many runs that one
    webhook may start.
    """
    head = [f"# {plain(cut(title, _TITLE_BYTES))}", ""]
    for text in (description, problem):
        if text:
            head += (prose(cut(text, _PROSE_BYTES)), "")
    noted = cut("\n".join(" ".join(note.split()) for note in notes), _PROSE_BYTES)
    return tuple(head), tuple(f"- **Note**: {plain(note)}" for note in noted.splitlines())


def _alert(alert: Alert, *, with_labels: bool) -> str:
    """In one line: the Web UI shows a nested list as a run of words."""
    kind, name = alert.about
    where = f"{kind} {code(name)}" + (f", container {code(alert.container)}" if alert.container else "")
    said = (
        f"- **Alert**: {code(alert.name)}, {where}, since {code(alert.starts_at)}, fingerprint "
        f"{code(alert.fingerprint)}"
    )
    if alert.generator:
        said += f", {link('where it was raised', alert.generator)}"
    if with_labels:
        said += f", labels {', '.join(_labels(alert))}"
    return said


def _labels(alert: Alert) -> Iterator[str]:
    """The labels that are not said already, as many as there is room for."""
    rest = sorted((name, value) for name, value in alert.labels.items() if name not in _SAID_ALREADY)
    size = 0
    for number, (name, value) in enumerate(rest):
        shown = code(f"{name}={value}")
        size += len(shown.encode())
        if size > _LABELS_BYTES:
            yield f"and {len(rest) - number + alert.left_out} more"
            return
        yield shown
    if alert.left_out:
        yield f"and {alert.left_out} more, which are too large all together"
        return
    if not rest:
        yield "none"
