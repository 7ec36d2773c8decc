"""What a change would put at risk, for which it is left to a person. Called by the changing step."""

from dataclasses import dataclass

from activities.serving import serving
from runmend.facts.objects import DeploymentFacts
from runmend.language.target import TargetNow
from runmend.plan.messages import Change, StepCall
from runmend.plan.reasons import RESTRICTED


@dataclass(frozen=True, slots=True)
class Risk:
    """Why a change is left to a person: in words, and in a few of them without a name; and the command that goes back
    to the revision that serves, empty where none does.
    """

    words: str
    reason: str
    rollback: str = ""


def risk_of(now: TargetNow, deployment: DeploymentFacts, changes: tuple[Change, ...], call: StepCall) -> Risk | None:
    """What the changes would put at risk: pods that serve, or the work of an init container. None where nothing is, or
    where the runbook protects nothing.

    Raises:
        NotYet: nothing serves, for the silence of nodes alone.
    """
    if not call.protect_serving or call.state is None:
        return None
    serve, ending = serving(now, deployment, call.state), _ending(changes)
    if serve:
        return Risk("; ".join(filter(None, (serve.words, ending))), "pods still serve", serve.rollback)
    return Risk(ending, "an init container would change") if ending else None


def restricted(call: StepCall) -> Risk | None:
    """What the runbook says that restricts the step and that nothing reads, None where there is nothing."""
    if not call.step.restrictions:
        return None
    return Risk(f"its runbook says, for a person to judge: {'; '.join(call.step.restrictions)}", RESTRICTED)


def _ending(changes: tuple[Change, ...]) -> str:
    """Why a change of what an init container runs is left to a person; empty where none would change."""
    named = ", ".join(change.named for change in changes if change.must_end)
    return (
        f"{named} must do its work and end before the pod's containers start: with another image that work may be left "
        "out, and an image that serves never ends"
        if named
        else ""
    )
