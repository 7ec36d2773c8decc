"""A run's report in words, as Markdown: in the Web UI's details, in `runmend show`, in the log. Pure: the result is all it knows."""

from collections.abc import Iterator

from runmend.criteria import Status
from runmend.plan import Mode
from runmend.run import Change, Finding, Outcome, RunResult, StepStatus

_MARKS = {True: "✓", False: "✗", None: "?"}
_VERDICT_MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.UNVERIFIED: "?"}
_HARMLESS = str.maketrans({"<": "(", ">": ")", "[": "(", "]": ")"})
_SAYS = {
    Outcome.RESOLVED: "resolved",
    Outcome.NOT_NEEDED: "not needed",
    Outcome.RECOMMENDED: "recommended, nothing changed",
    Outcome.CANCELLED: "cancelled",
}


def outcome_line(result: RunResult) -> str:
    """The outcome in a few words: "resolved, 1 criterion unverified"."""
    if result.outcome is None:
        return "running"
    said = _SAYS.get(result.outcome, result.outcome.value)
    unverified = sum(verdict.status is Status.UNVERIFIED for verdict in result.verdicts)
    if unverified:
        said += f", {unverified} {'criterion' if unverified == 1 else 'criteria'} unverified"
    return said


def render(result: RunResult) -> str:
    """The whole report."""
    return "\n".join(_lines(result))


def duration(seconds: int) -> str:
    """`5 minutes`, `90 seconds`."""
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0 and seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "0 seconds"


def _lines(result: RunResult) -> Iterator[str]:
    yield f"## {result.title}: {outcome_line(result)}"
    yield ""
    if result.summary:
        yield f"**{_plain(result.summary)}**"
        yield ""
    yield f"- Target: {result.target} (cluster {result.target.cluster})"
    yield f"- Runbook: {result.runbook_id}, sha256 {result.sha256[:12]}"
    if result.mode is not Mode.AUTO:
        yield f"- Mode: {result.mode}"
    for alert in result.alerts[:20]:
        container = f", container {alert.container}" if alert.container else ""
        yield f"- Alert: {_plain(alert.name)} for pod {_plain(alert.pod)}{_plain(container)}"
    yield from _diagnosis(result)
    yield from _steps(result)
    yield from _criteria(result)
    if result.remarks:
        yield from ("", "### Remarks", "")
        yield from (f"- {_plain(remark)}" for remark in result.remarks)


def _diagnosis(result: RunResult) -> Iterator[str]:
    seen = result.observation
    if seen is None:
        return
    yield from ("", "### Diagnosis", "")
    yield f"- Owner: {_plain(seen.owner)}"
    for one in seen.affected:
        kind = "init container" if one.init else "container"
        yield f"- Affected: {kind} {one.container} ({_plain(one.reason)}), image {_quoted(one.image)}, in {', '.join(one.pods)}"
    if not seen.affected:
        yield from (f"- Seen: {_plain(pod)}" for pod in seen.pods)
    yield from (_finding(finding) for finding in seen.findings)


def _finding(finding: Finding) -> str:
    where = f" (line {finding.line})" if finding.line else ""
    return f"- {_MARKS[finding.ok]} {_plain(finding.about)}{where}: {_plain(finding.found)}"


def _steps(result: RunResult) -> Iterator[str]:
    if not result.steps and not result.failed_step:
        return
    yield from ("", "### Steps", "")
    for number, step in enumerate(result.steps, 1):
        # In one line: the Web UI shows a nested list as a run of words.
        changes = "; ".join(_change(change) for change in step.changes)
        plainly = step.status is StepStatus.DONE and changes and not step.recovered
        said = changes if plainly else _plain(step.summary)
        yield f"{number}. {step.action_id}: {step.status.replace('_', ' ')}: {said}"
    if result.failed_step:
        yield f"{len(result.steps) + 1}. {result.failed_step}: failed"


def _change(change: Change) -> str:
    kind = "init container" if change.init else "container"
    return f"{kind} {change.container}: before {_quoted(change.before)}, after {_quoted(change.after)}"


def _criteria(result: RunResult) -> Iterator[str]:
    if result.settled is None and not result.verdicts:
        return
    yield from ("", "### Verification", "")
    if result.settled:
        yield f"- Settled: {_plain(result.settled)}"
    if result.window_seconds is not None:
        yield f"- Held for {duration(result.window_seconds)}"
    for verdict in result.verdicts:
        said = f"{_plain(verdict.text)} (line {verdict.line}): {verdict.status}: {_plain(verdict.evidence)}"
        yield f"- {_VERDICT_MARKS[verdict.status]} {said}"


def _plain(text: str) -> str:
    """A text from outside in one line, with nothing in it that Markdown would make a link, an image or HTML of."""
    return " ".join(text.split()).translate(_HARMLESS)


def _quoted(text: str) -> str:
    """A text from outside as code; it cannot end its own quotation."""
    return "`" + _plain(text).replace("`", "'") + "`"
