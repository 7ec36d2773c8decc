"""What a step will do, in words, for a reader of the Web UI: known before it runs, so from the baseline."""

from runmend.alerts import Alert, Target
from runmend.images import InvalidImageReference, parse_image
from runmend.plan import Step
from runmend.run import Observation


def step_summary(step: Step, target: Target, observation: Observation, alerts: tuple[Alert, ...]) -> str:
    """`patch Deployment shop/web: container app → hello-app:1.0`."""
    if not step.changes:
        pod = next((alert.pod for alert in alerts if alert.pod), "")
        return f"{step.operation.verb} of pod {target.namespace}/{pod}" if pod else f"{step.operation.verb} in {target.namespace}"
    parts = [
        f"{'init ' if one.init else ''}container {one.container} → {_short(image)}"
        for one in observation.affected
        if (image := step.image_for(one.container))
    ]
    return f"patch {target}: {', '.join(parts)}"


def _short(image: str) -> str:
    try:
        return parse_image(image).short
    except InvalidImageReference:
        return image
