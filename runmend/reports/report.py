"""A run's report in words, as Markdown: in the Web UI's details, in `runmend show`, in the log.

Pure: the result is all it knows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from runmend.core.markdown import code, plain
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.criteria import Status
from runmend.plan.messages import Change, Finding, RunResult, StepStatus

_MARKS = {True: "✓", False: "✗", None: "?"}
_VERDICT_MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.UNVERIFIED: "?"}
_SAYS = {
    Outcome.RESOLVED: "resolved",
    Outcome.NOT_NEEDED: "not needed",
    Outcome.RECOMMENDED: "recommended, nothing changed",
    Outcome.CANCELLED: "cancelled",
}
_MEANS = {
    Outcome.PRECONDITION_FAILED: "nothing was written, because the object may not be changed so",
    Outcome.STEP_FAILED: "observing or a step could not do its work",
    Outcome.REVERTED: "the change was made, and no longer stands",
    Outcome.VERIFICATION_FAILED: "the change was made, nobody put it back, and the problem is not proven gone",
}
_MOST_ALERTS = 20


def outcome_line(result: RunResult) -> str:
    """The outcome in a few words: "resolved, 1 criterion unverified"."""
    if result.outcome is None:
        return "running"
    said = _SAYS.get(result.outcome, result.outcome.value)
    unverified = sum(verdict.status is Status.UNVERIFIED for verdict in result.verdicts)
    if unverified:
        said += f", {unverified} {'criterion' if unverified == 1 else 'criteria'} unverified"
    return said


def render(result: RunResult, now: str = "", *, advise: bool = True) -> str:
    """The whole report.

    Args:
        result: of the run, so far or whole.
        now: what it does at the moment, where it has not ended.
        advise: whether to say what a person can do; not where it has been done.
    """
    return "\n".join(_lines(result, now, advise=advise))


def duration(seconds: int) -> str:
    """`5 minutes`, `90 seconds`."""
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0 and seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "0 seconds"


def moment(when: datetime) -> str:
    """`2026-11-23 14:05:10 UTC`."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _lines(result: RunResult, now: str, *, advise: bool) -> Iterator[str]:
    yield f"## {plain(result.title)}: {outcome_line(result)}"
    yield ""
    if now:
        yield f"**Now: {plain(now)}**"
        yield ""
    if result.summary:
        yield f"**{plain(result.summary)}**"
        yield ""
    if means := _MEANS.get(result.outcome) if result.outcome else None:
        yield f"{result.outcome} means: {means}."
        yield ""
    yield from _about(result)
    yield from _diagnosis(result)
    yield from _steps(result)
    yield from _criteria(result)
    if result.remarks:
        yield from ("", "### Remarks", "")
        yield from (f"- {plain(remark)}" for remark in result.remarks)
    if advise and (advice := _advice(result)):
        yield from ("", "### What you can do", "", advice)


def _about(result: RunResult) -> Iterator[str]:
    yield f"- Target: {plain(str(result.target))} (cluster {plain(result.target.cluster)})"
    yield f"- Runbook: {plain(result.runbook_id)}, sha256 {result.sha256[:12]}"
    if result.mode is not Mode.AUTO:
        yield f"- Mode: {result.mode}"
    if result.began and result.ended:
        yield f"- Began {moment(result.began)}, ended {moment(result.ended)}"
    elif result.began:
        yield f"- Began {moment(result.began)}"
    for alert in result.alerts[:_MOST_ALERTS]:
        container = f", container {plain(alert.container)}" if alert.container else ""
        yield f"- Alert: {plain(alert.name)} for pod {plain(alert.pod)}{container}"
    if (more := len(result.alerts) - _MOST_ALERTS) > 0:
        yield f"- and {more} more alerts"


def _diagnosis(result: RunResult) -> Iterator[str]:
    seen = result.observation
    if seen is None:
        return
    yield from ("", "### What was wrong", "")
    yield f"- Owner: {plain(seen.owner)}"
    for one in seen.affected:
        yield f"- Affected: {one.named} ({plain(one.reason)}), image {code(one.image)}, in {', '.join(one.pods)}"
    if not seen.affected:
        yield from (f"- Seen: {plain(pod)}" for pod in seen.pods)
    yield from (_finding(finding) for finding in seen.findings)


def _finding(finding: Finding) -> str:
    where = f" (line {finding.line})" if finding.line else ""
    return f"- {_MARKS[finding.ok]} {plain(finding.about)}{where}: {plain(finding.found)}"


def _steps(result: RunResult) -> Iterator[str]:
    if not result.steps and not result.failed_step:
        return
    yield from ("", "### What was done", "")
    for number, step in enumerate(result.steps, 1):
        # In one line: the Web UI shows a nested list as a run of words.
        changes = "; ".join(_change(change) for change in step.changes)
        plainly = step.status is StepStatus.DONE and changes and not step.recovered
        said = changes if plainly else plain(step.summary)
        yield f"{number}. {plain(step.action_id)}: {step.status.replace('_', ' ')}: {said}"
    if result.failed_step:
        yield f"{len(result.steps) + 1}. {plain(result.failed_step)}: failed"


def _change(change: Change) -> str:
    return f"{change.named}: before {code(change.before)}, after {code(change.after)}"


def _criteria(result: RunResult) -> Iterator[str]:
    if result.settled is None and not result.verdicts:
        return
    yield from ("", "### How it was verified", "")
    if result.settled:
        yield f"- Settled: {plain(result.settled)}"
    if result.window_seconds is not None:
        yield f"- The window of {duration(result.window_seconds)} has passed"
    for verdict in result.verdicts:
        said = f"{plain(verdict.text)} (line {verdict.line}): {verdict.status}: {plain(verdict.evidence)}"
        yield f"- {_VERDICT_MARKS[verdict.status]} {said}"


def _advice(result: RunResult) -> str:
    """What a person can do about a run that did not do its work; empty for one that did."""
    replay = f"runmend replay {result.target.namespace}/{result.target.name}"
    match result.outcome:
        case Outcome.PRECONDITION_FAILED | Outcome.STEP_FAILED:
            place = f"at {plain(result.failed_step)}" if result.failed_step else "where it failed"
            return (
                f"Remove the cause, then {code(replay)} resumes it {place}; with {code('--dry-run')} it says what "
                "it would do now."
            )
        case Outcome.VERIFICATION_FAILED:
            return (
                f"The change stands. When the target is well, {code(replay)} verifies it anew, with a whole window. "
                "When it cannot get well with this change, correct the runbook, and "
                f"{code(f'{replay} --latest')} starts over."
            )
        case Outcome.REVERTED:
            return (
                f"Agree with whoever put it back, or change it at its source; {code(f'{replay} --again')} starts "
                "over, when nothing serves."
            )
        case _:
            return ""
