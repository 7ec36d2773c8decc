"""Changes of the workflow that open runs do not survive are caught by a recording and explained; those made under a
patch pass all."""

import re
from dataclasses import dataclass

import pytest

from runmend.runs.compatibility import Problem, fit
from tests.histories import stored
from tests.histories.changes import SOURCE, changed

WINDOW = r"^ +await self\._window\(plan, call\)\n"
SETTLE = r"^ +settled: Settled = await perform\(\n"
REPORT = r'^ +"runmend\.report",\n'
SETTLED = r"^ +self\._note\(settled=settled\.summary\)\n"
OUTCOME = r"^ +workflow\.upsert_search_attributes\(\n +\[OUTCOME_KEY\.value_set\(outcome\).*\n +\)\n"
CANCELLED = r"^ +await self\._end_cancelled\(given\)\n"
BEFORE_REPORT = r"^( +)(text: str = await workflow\.execute_activity\(\n)"
PAUSE = "        await workflow.sleep(timedelta(seconds=9))\n"


@dataclass(frozen=True)
class Change:
    """A change of the source, a kind of run that catches it, the event that does not fit, and what Temporal says."""

    edits: tuple[tuple[str, str], ...]
    kind: str
    event: str
    says: str


CHANGES = {
    "another activity": Change(
        ((r'"runmend\.settle"', '"runmend.wait"'),),
        "resolved",
        "ActivityTaskScheduled: activity runmend.settle, id 4",
        "Activity type of scheduled event 'runmend.settle'"
        " does not match activity type of activity command 'runmend.wait'",
    ),
    "another type for steps": Change(
        ((r"^( +)step\.action_id,\n( +)call,", r'\1f"step.{step.action_id}",\n\2call,'),),
        "failed-at-the-first-step",
        "ActivityTaskScheduled: activity get_pod_events, id 01-get_pod_events",
        "Activity type of scheduled event 'get_pod_events'"
        " does not match activity type of activity command 'step.get_pod_events'",
    ),
    "other ids for steps": Change(
        ((r"activity_id=call\.step_id", "activity_id=step.action_id"),),
        "recommended-by-mode",
        "ActivityTaskScheduled: activity get_pod_events, id 01-get_pod_events",
        "Activity id of scheduled event '01-get_pod_events'"
        " does not match activity id of activity command 'get_pod_events'",
    ),
    "window before settle": Change(
        ((WINDOW, ""), (SETTLE, rf"{PAUSE}\g<0>")),
        "failed-at-settle",
        "ActivityTaskScheduled: activity runmend.settle, id 4",
        "Timer machine does not handle this event: HistoryEvent(id: {id}, ActivityTaskScheduled)",
    ),
    "no window": Change(
        ((WINDOW, ""),),
        "cancelled-in-the-window",
        "ActivityTaskScheduled: activity runmend.hold, id 5",
        "Activity type of scheduled event 'runmend.hold'"
        " does not match activity type of activity command 'runmend.check'",
    ),
    "another timer": Change(
        ((BEFORE_REPORT, r"\1await workflow.sleep(timedelta(seconds=5))\n\g<0>"),),
        "not-needed-at-observe",
        "ActivityTaskScheduled: activity runmend.report, id 2",
        "Timer machine does not handle this event: HistoryEvent(id: {id}, ActivityTaskScheduled)",
    ),
    "another timer that is over at once": Change(
        ((SETTLED, r"\g<0>        await workflow.wait_condition(lambda: True, timeout=5)\n"),),
        "resolved",
        "WorkflowTaskCompleted",
        "Timer fired event did not have expected timer id 2, it was 1!",
    ),
    "waiting for what does not come": Change(
        ((SETTLED, r"\g<0>        await workflow.wait_condition(lambda: self._result is None)\n"),),
        "open-in-the-window",
        "ActivityTaskScheduled: activity runmend.hold, id 5",
        "No command scheduled for event HistoryEvent(id: {id}, ActivityTaskScheduled)",
    ),
    "another memo": Change(
        ((SETTLED, r"\g<0>        workflow.upsert_memo({'seen': 1})\n"),),
        "terminated-in-the-window",
        "ActivityTaskScheduled: activity runmend.hold, id 5",
        "ModifyWorkflowPropertiesMachine does not handle HistoryEvent(id: {id}, ActivityTaskScheduled)",
    ),
    "no memo of who joined": Change(
        ((r"^ +workflow\.upsert_memo\(remember\)\n", "            pass\n"),),
        "joined",
        "WorkflowPropertiesModified: memo episodes, troubles",
        "UpsertWorkflowSearchAttributesMachine does not handle HistoryEvent(id: {id}, WorkflowPropertiesModified)",
    ),
    "a memo of those who were known": Change(
        ((r"if any\(alert\.episode not in memo for alert in joining\.alerts\):", "if joining.alerts:"),),
        "resolved-meanwhile",
        "ActivityTaskScheduled: activity runmend.observe, id 1",
        "ModifyWorkflowPropertiesMachine does not handle HistoryEvent(id: {id}, ActivityTaskScheduled)",
    ),
    "no outcome to search for": Change(
        ((OUTCOME, ""),),
        "report-failed",
        "UpsertWorkflowSearchAttributes: search attribute Outcome, Reason",
        "Complete workflow machine does not handle this event: HistoryEvent(id: {id}, UpsertWorkflowSearchAttributes)",
    ),
    "no report of the cancelled": Change(
        ((CANCELLED, ""),),
        "cancelled-at-observe",
        "ActivityTaskScheduled: activity runmend.report, id 2",
        "Cancel workflow machine does not handle this event: HistoryEvent(id: {id}, ActivityTaskScheduled)",
    ),
    "no second look": Change(
        ((r"if ending\.outcome is not Outcome\.NOT_NEEDED or self\._kept\.alerts == known:", "if ending:"),),
        "not-needed-after-a-second-look",
        "ActivityTaskScheduled: activity runmend.observe, id 2",
        "Activity type of scheduled event 'runmend.observe'"
        " does not match activity type of activity command 'runmend.report'",
    ),
    "failures that complete": Change(
        ((r"if outcome\.completes:\n", "if result:\n"),),
        "failed-at-observe",
        "WorkflowExecutionFailed: the run's failure",
        "Complete workflow machine does not handle this event: HistoryEvent(id: {id}, WorkflowExecutionFailed)",
    ),
}
UNDER_A_PATCH = {
    "another activity": (
        (r'"runmend\.settle"', '"runmend.wait" if workflow.patched("wait-not-settle") else "runmend.settle"'),
    ),
    "another timer": (
        (BEFORE_REPORT, r'\1if workflow.patched("a-pause"):\n\1    await workflow.sleep(timedelta(seconds=5))\n\g<0>'),
    ),
    "window before settle": (
        (WINDOW, r'        if not workflow.patched("window-first"):\n    \g<0>'),
        (SETTLE, rf'        if workflow.patched("window-first"):\n    {PAUSE}\g<0>'),
    ),
    "no outcome to search for": ((OUTCOME, r'        if not workflow.patched("no-outcome"):\n    \g<0>'),),
}


async def problem_of(kind: str, workflow: type) -> Problem | None:
    """How a recording fails to replay."""
    return (await fit(stored.history(stored.newest(kind)), workflow=workflow)).problem


def test_the_changes_are_made_to_the_workflow_as_it_is() -> None:
    assert changed().__name__ == "Remediation"


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_of_the_commands_is_caught_and_the_first_event_that_does_not_fit_is_named(name: str) -> None:
    change = CHANGES[name]
    problem = await problem_of(change.kind, changed(*change.edits))

    assert problem is not None
    kind, _, what = change.event.partition(": ")
    assert problem.event is not None
    found = re.match(r"event (\d+), ", problem.event)
    assert found
    assert f", {kind} at 20" in problem.event
    assert problem.event.endswith(f": {what}" if what else " UTC")
    assert problem.says == f"[TMPRL1100] Nondeterminism error: {change.says.replace('{id}', found[1])}"


@pytest.mark.parametrize("name", UNDER_A_PATCH)
async def test_the_same_change_under_a_patch_passes_every_recording(name: str) -> None:
    """The recipe of docs/changing-workflows.md."""
    assert await stored.unfit(changed(*UNDER_A_PATCH[name])) == {}


async def test_a_fault_in_the_code_is_told_as_one_with_its_line() -> None:
    faulty = changed((r"settled=settled\.summary", "settled=settled.sumary"))
    problem = await problem_of("resolved", faulty)

    assert problem is not None
    assert (problem.event, problem.says) == (None, "'Settled' object has no attribute 'sumary'")
    assert re.fullmatch(
        rf"workflows/{SOURCE.name}:\d+ in _verify: self\._note\(settled=settled\.summary\)", problem.place
    )
    assert await problem_of("not-needed-at-observe", faulty) is None


@pytest.mark.parametrize(
    "edit",
    [
        (r', summary=f"verification window until {until}"', ', summary=""'),
        (r"retry=STEADY", "retry=QUICK"),
        (r"timedelta\(seconds=plan\.window_seconds\), summary", "timedelta(seconds=7), summary"),
        (r"^MOST_REMARKS = 50", "MOST_REMARKS = 5"),
        (r'"the runbook only reads"', '"it reads"'),
    ],
    ids=["a summary", "a retry policy", "a timer's duration", "a limit", "words"],
)
async def test_what_changes_no_command_fits_every_recording(edit: tuple[str, str]) -> None:
    assert await stored.unfit(changed(edit)) == {}
