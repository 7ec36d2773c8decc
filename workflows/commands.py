"""The commands of one action: done in order, and none of them once one of them was not done."""

from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from runmend.plan.messages import StepResult, StepStatus
    from runmend.plan.plan import Plan, Step
    from runmend.plan.reasons import NOT_BEGUN


def of_action(step: Step, results: Sequence[StepResult]) -> tuple[StepResult, ...]:
    """The results of an action's commands so far."""
    return tuple(result for result in results if result.action_id == step.action_id)


def undone_before(step: Step, results: Sequence[StepResult]) -> StepResult | None:
    """The first command of its action that was not done; None where all before it were."""
    return next((result for result in of_action(step, results) if result.status is not StepStatus.DONE), None)


def not_begun(step: Step, undone: StepResult) -> StepResult:
    """The result of a command that is not done because one before it was not."""
    return StepResult(
        action_id=step.action_id,
        part=step.part,
        status=StepStatus.SKIPPED,
        summary=f"command {undone.part} was not done",
        reason=NOT_BEGUN,
    )


def is_last(plan: Plan, number: int) -> bool:
    """Whether a step, by its place from 1, is the last of its action."""
    return number == len(plan.steps) or plan.steps[number].action_id != plan.steps[number - 1].action_id
