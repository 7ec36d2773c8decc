"""A run's report in words, as Markdown: in the Web UI's details, in `runmend show`, in the log.

Pure: the result is all it knows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from runmend.core.durations import took
from runmend.core.markdown import code, one_line, plain
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.plan.attributes import KEYWORD_BYTES, keyword, unverified_in_words
from runmend.plan.change import Change, shown
from runmend.plan.criteria import Status
from runmend.plan.messages import Finding, RunResult, StepStatus
from runmend.plan.reasons import DELETING, GONE
from runmend.plan.removal import named
from runmend.reports.advice import advice_for
from runmend.reports.commands import restore

_MARKS = {True: "✓", False: "✗", None: "?"}
_NOT_SET = "∅"
_LEGEND = f"✓ fine, ✗ found something, ? cannot be told, {_NOT_SET} not set"
FENCE = "```"
"""What a command stands between, in lines of its own."""
_VERDICT_MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.UNVERIFIED: "?"}
_SAYS = {
    Outcome.RESOLVED: "resolved",
    Outcome.NOT_NEEDED: "not needed",
    Outcome.RECOMMENDED: "recommended, nothing changed",
    Outcome.OBSERVED: "observed, the runbook only reads",
    Outcome.CANCELLED: "cancelled",
}
_MEANS = {
    Outcome.PRECONDITION_FAILED: "nothing was written, because the object may not be changed so",
    Outcome.STEP_FAILED: "observing or a step could not do its work",
    Outcome.UNHANDLED: "the problem is there, and the gates of the runbook let no step change anything",
    Outcome.REVERTED: "the change was made, and no longer stands",
    Outcome.VERIFICATION_FAILED: "the change was made, nobody put it back, and the problem is not proven gone",
}
_MOST_ALERTS = 20
_MOST_FINDINGS = 5


def outcome_line(result: RunResult) -> str:
    """The outcome in a few words: "resolved, 1 criterion unverified"."""
    if result.outcome is None:
        return "running"
    said = _SAYS.get(result.outcome, result.outcome.value)
    # Of a run that failed, and maybe broke off, it says nothing that its failure does not.
    unverified = unverified_in_words(result.unverified) if result.outcome is Outcome.RESOLVED else ""
    return ", ".join(text for text in (said, unverified) if text)


def searchable_reason(result: RunResult) -> str:
    """Why it ended so, as lists show it and searches find it: "image not found; 1 criterion unverified"."""
    said = unverified_in_words(result.unverified) if result.outcome is Outcome.RESOLVED else ""
    # The end of what is too long is cut off, and this must not be.
    room = KEYWORD_BYTES - len(f"; {said}".encode()) if said else KEYWORD_BYTES
    return "; ".join(text for text in (keyword(result.reason, room), said) if text)


def verdict_line(result: RunResult) -> str:
    """How it ended, for what, and why, in one line: `✗ PreconditionFailed: Deployment shop/web: paused`."""
    mark = "…" if result.outcome is None else _MARKS[result.outcome.completes]
    mark = "■" if result.outcome is Outcome.CANCELLED else mark
    why = result.summary if result.outcome is Outcome.CANCELLED else result.reason
    said = f"{mark} {outcome_line(result)}: {result.target}"
    if why and result.outcome is Outcome.RESOLVED:
        return one_line(f"{said} (was: {why})")
    return one_line(f"{said}: {why}" if why else said)


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
        if result.changes and result.outcome is Outcome.PRECONDITION_FAILED:
            means = (
                "this step wrote nothing, because the object may not be changed so; what was changed before it stands"
            )
        yield f"{result.outcome} means: {means}."
        yield ""
    yield from _about(result)
    yield from _diagnosis(result)
    yield from _steps(result)
    yield from _findings(result)
    yield from _criteria(result)
    if result.remarks:
        yield from ("", "### Remarks", "")
        yield from (f"- {plain(remark)}" for remark in result.remarks)
    yield from _stands(result)
    if advise:
        yield from _advice(result)


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
        kind, name = alert.about
        yield f"- Alert: {plain(alert.name)} for {kind} {plain(name)}{container}"
    if (more := max(0, len(result.alerts) - _MOST_ALERTS) + result.more_alerts) > 0:
        yield f"- and {more} more {'alert' if more == 1 else 'alerts'}"


def _diagnosis(result: RunResult) -> Iterator[str]:
    seen = result.observation
    if seen is None:
        return
    yield from ("", "### What was wrong", "")
    yield f"- Owner: {plain(seen.owner)}"
    if seen.problem:
        yield f"- Problem: {plain(seen.problem)}"
    for one in seen.affected:
        yield f"- Affected: {one.named} ({plain(one.reason)}), image {code(one.image)}, in {', '.join(one.pods)}"
    if not seen.affected:
        yield from (f"- Seen: {plain(pod)}" for pod in seen.pods)
    yield from (_finding(finding) for finding in seen.findings)
    if seen.findings:
        yield from ("", _LEGEND)


def _finding(finding: Finding) -> str:
    where = f" (line {finding.line})" if finding.line else ""
    mark = _NOT_SET if finding.not_set else _MARKS[finding.ok]
    return f"- {mark} {plain(finding.about)}{where}: {plain(finding.found)}"


def _steps(result: RunResult) -> Iterator[str]:
    if not result.steps and not result.failed_step:
        return
    yield from ("", "### What was done", "")
    for number, step in enumerate(result.steps, 1):
        # In one line: the Web UI shows a nested list as a run of words.
        changes = "; ".join(_change(change) for change in step.changes)
        plainly = step.status is StepStatus.DONE and changes and not (step.recovered or step.removed)
        said = changes if plainly else plain(step.summary)
        yield f"{number}. {plain(step.named)}: {step.status.replace('_', ' ')}: {said}"
    if result.failed_step:
        yield f"{len(result.steps) + 1}. {plain(result.failed_step)}: failed"


def _findings(result: RunResult) -> Iterator[str]:
    """The last lines of what each step has read."""
    if any(step.findings for step in result.steps):
        yield from ("", "### What was read", "")
    for step in result.steps:
        shown = step.findings[-_MOST_FINDINGS:]
        yield from (f"- {plain(step.named)}: {plain(line)}" for line in shown)
        if more := len(step.findings) - len(shown):
            yield f"- {plain(step.named)}: {more} more {'line' if more == 1 else 'lines'} in the run's result"


def _change(change: Change) -> str:
    before, after = (code(shown(change.path, value)) for value in (change.before, change.after))
    return f"{plain(change.named)}: before {before}, after {after}"


def _criteria(result: RunResult) -> Iterator[str]:
    if result.settled is None and not result.verdicts:
        return
    yield from ("", "### How it was verified", "")
    if result.settled:
        yield f"- Settled: {plain(result.settled)}"
    if result.window_seconds is not None:
        yield f"- {_window(result, result.window_seconds)}"
    for verdict in result.verdicts:
        said = f"{plain(verdict.text)} (line {verdict.line}): {verdict.status}: {plain(verdict.evidence)}"
        yield f"- {_VERDICT_MARKS[verdict.status]} {said}"


def _window(result: RunResult, seconds: int) -> str:
    if not result.window_ended_early:
        return f"The window of {duration(seconds)} has passed"
    if result.outcome is Outcome.CANCELLED:
        return f"The window had lasted {took(seconds)} when the run was cancelled"
    return f"The window ended early, after {took(seconds)}: the fix did not hold"


def _stands(result: RunResult) -> Iterator[str]:
    """What a run that was cancelled leaves behind."""
    if result.outcome is not Outcome.CANCELLED:
        return
    yield from ("", "### What stands", "")
    yield from (f"- {_change(change)}; not proven" for change in result.changes)
    yield from (f"- {each.how.done} {plain(str(each))}; not proven" for each in result.made)
    if not result.wrote:
        yield "- see the remarks" if result.uncertain_step else "- nothing was changed"
    if result.not_done:
        yield from ("", "### What was not done", "")
        yield from (f"- {plain(name)}" for name in result.not_done)


def _advice(result: RunResult) -> Iterator[str]:
    """What a person can do, and last how to restore what was there, where a change stands."""
    if advice := advice_for(result):
        yield from ("", "### What you can do")
        for each in advice:
            yield from ("", each.says)
            if each.command:
                yield from _command(each.command)
    if removed := result.removed:
        yield from ("", "### What cannot be undone", "")
        yield f"- {len(removed)} pod{'' if len(removed) == 1 else 's'} taken away: {plain(named(removed))}"
    if made := result.made:
        yield from ("", "### What was done beside the target", "", "Nothing of it is taken back by Runmend.")
        yield from (f"- {each.how.done} {plain(str(each))}" for each in made)
    if result.outcome not in (None, Outcome.REVERTED) and result.reason not in (GONE, DELETING) and result.changes:
        yield from ("", "### How to restore what was there", "", "With it comes back what was wrong before.")
        yield from _command(restore(result.target, result.changes))


def _command(text: str) -> Iterator[str]:
    """A command in a block of its own: nothing wraps it."""
    yield from ("", FENCE, one_line(text), FENCE)
