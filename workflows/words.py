"""What a step will do, in words, for a reader of the Web UI: known before it runs, so from the baseline."""

from runmend.alerts import Target
from runmend.images import short_name
from runmend.plan import Mode, Step
from runmend.run import Observation


def step_summary(step: Step, target: Target, observation: Observation, mode: Mode) -> str:
    """`patch Deployment shop/web: container app → hello-app:1.0`; "dry run: …" where the run's mode says so."""
    if not step.changes:
        where = f"of pod {target.namespace}/{observation.pod}" if observation.pod else f"in {target.namespace}"
        return f"{step.operation.verb} {where}"
    parts = [
        f"{'init ' if one.init else ''}container {one.container} → {short_name(image)}"
        for one in observation.affected
        if (image := step.image_for(one.container))
    ]
    return f"{'dry run: ' if mode is Mode.RECOMMEND else ''}patch {target}: {', '.join(parts)}"
