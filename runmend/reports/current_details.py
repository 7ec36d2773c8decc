"""What a run says of itself in a few words, for a reader of the Web UI."""

from runmend.alerts.alert import Target
from runmend.core.kinds import has_pods
from runmend.core.modes import Mode
from runmend.images.pull_failures import Cause
from runmend.images.references import short_name
from runmend.plan.messages import Observation
from runmend.plan.plan import Plan, Step
from runmend.reports.report import duration


def was_wrong(observation: Observation | None) -> str:
    """What was wrong before the run changed anything: why images could not be pulled, else what the containers waited
    for.
    """
    if observation is None:
        return ""
    causes = [str(cause) for cause in observation.causes if cause is not Cause.OTHER]
    return ", ".join(causes or dict.fromkeys(one.reason for one in observation.affected))


def observing(target: Target) -> str:
    """While `runmend.observe` works."""
    return f"observing and diagnosing {target}"


def settling(plan: Plan, target: Target, seconds: int) -> str:
    """What settle waits for, at most so many seconds. What is missing at the moment is not known here: each try's
    failure says it.
    """
    becoming = "; ".join(one.text for one in plan.criteria if one.understood and one.must == "become")
    pods = f"all pods of {target} are of the new revision and running" if has_pods(target.kind) else ""
    waits = ", and: ".join(filter(None, (pods, becoming))) or f"{target} is as the criteria say"
    return (
        f"settling, at most {duration(seconds)}: waits until {waits}; the pending activity runmend.settle "
        "says what is missing"
    )


def in_window(plan: Plan, until: str) -> str:
    """While the window is held."""
    return (
        f"verification window of {duration(plan.window_seconds)}, until {until}, at once over where the fix does not "
        f"hold: the pending activity runmend.hold says what it saw last; then {checks(plan)}"
    )


def checking(plan: Plan) -> str:
    """While `runmend.check` works."""
    return f"checking {len(plan.criteria)} criteria against what was there when the target had settled"


def checks(plan: Plan) -> str:
    """What is checked after the window."""
    return "the criteria are checked: " + "; ".join(criterion.text for criterion in plan.criteria)


def step_summary(step: Step, target: Target, observation: Observation, mode: Mode) -> str:
    """What a step will do, known before it runs, so from the baseline.

    `patch Deployment shop/web: container app → hello-app:1.0`; "dry run: …" where the run's mode says so.
    """
    if not step.changes:
        where = f"of pod {target.namespace}/{observation.pod}" if observation.pod else f"of {target}"
        return f"{step.operation.verb} {where}"
    parts = [
        f"{one.named} → {short_name(image)}" for one in observation.affected if (image := step.image_for(one.container))
    ]
    says = ", ".join(parts) if step.images else step.says
    return f"{'dry run: ' if mode is Mode.RECOMMEND else ''}{step.operation.verb} {target}: {says}"
