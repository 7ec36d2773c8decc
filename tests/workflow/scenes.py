"""What the tests of whole runs share: what was written, whose a pod is, runbooks that say a little more than the
seed."""

import json
from typing import Any

from runmend.alerts.alert import Target
from runmend.facts.pod import PodFacts
from runmend.kube.owners import Workloads
from runmend.plan.messages import Finding, RunResult, StepStatus
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from tests.builders import a_pod
from tests.faults import Request
from tests.world import SEED, World

Json = dict[str, Any]


def patches(world: World, *, dry_run: bool = False) -> list[Request]:
    """What the product sent to change something; tests patch under other field managers."""
    return [
        request for request in world.faults.sent("PATCH", dry_run=dry_run) if "fieldManager=runmend" in request.query
    ]


def patched(request: Request) -> dict[str, Any]:
    """Path → value of what a patch's steps write, the note and the version apart."""
    steps: list[Json] = json.loads(request.body)
    return {step["path"]: step.get("value") for step in steps if not step["path"].startswith("/metadata/")}


def nothing_written(world: World) -> bool:
    """Whether neither a change nor a dry run of one was sent."""
    return not patches(world) and not patches(world, dry_run=True)


def target_of(world: World, pod: PodFacts) -> Target:
    """The target as the bridge finds it."""
    return Workloads.named(world.cluster, pod.namespace, [pod.name]).target_of(pod, "test")


async def a_stray_pod(world: World, owner: Json | None, name: str = "web-0") -> PodFacts:
    """A broken pod that no Deployment made, once it is broken."""
    world.create("/api/v1/namespaces/shop/pods", a_pod(name, owner=owner))
    (pod,) = await world.until_broken()
    return pod


def break_pod(world: World, pod: PodFacts, image: str, container: str = "app") -> None:
    """Change the image of one pod alone, as nothing but a node's own trouble does."""
    world.patch(
        f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}",
        {"spec": {"containers": [{"name": container, "image": image}]}},
    )


def a_runbook(*changes: tuple[str, str]) -> Plan:
    """The seed with some texts replaced by others, compiled."""
    text = SEED.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return compile_runbook(text.encode(), SEED.name).plan


def finding(result: RunResult, about: str) -> list[Finding]:
    """The diagnosis' findings about a point of the runbook."""
    assert result.observation is not None
    return [found for found in result.observation.findings if about in found.about]


def recommendation(result: RunResult) -> str:
    """What the last step recommended."""
    assert result.steps[-1].status is StepStatus.RECOMMENDED
    return result.steps[-1].summary
