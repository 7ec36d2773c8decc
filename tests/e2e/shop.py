"""A namespace of its own for each test on the real cluster: what is broken in it, the alerts of that, and the run that
mends it."""

import copy
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper

from runmend.alerts.alert import Alert, Target
from runmend.core.settings import Settings
from runmend.plan.messages import Options, RunResult
from runmend.plan.plan import Plan
from runmend.runs.starting import Starter
from tests.builders import FALLBACK, GOOD, MISSING, a_deployment
from tests.cluster.api import Json, Namespace, a_template, eventually, image_patch
from tests.cluster.audit import writes
from tests.cluster.kubectl import Kubectl
from tests.e2e.installation import Installation
from tests.runs import WINDOW, Failed, end, until

PATIENCE = 90.0
"""Seconds to wait for what must happen in real time."""
WINDOW_SECONDS = 300
OK = httpx.codes.OK
PAYLOAD = Path(__file__).parents[1] / "payloads" / "firing.json"
NOT_PULLED = ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable")
Pod = Json
SPREAD: Json = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
}
"""No two pods on one node."""


class Shop:
    """One namespace, the installation that looks after it, and Temporal's client."""

    def __init__(self, namespace: Namespace, installation: Installation, client: Client) -> None:
        self.namespace = namespace
        self.installation = installation
        self.client = client
        self.name = namespace.name

    # What is in it

    def deploy(
        self, name: str = "web", *, images: dict[str, str] | None = None, broken: int | None = None, **how: Any
    ) -> list[Pod]:
        """Create a Deployment, by default of the image that is missing, and wait until `broken` pods cannot pull, all
        of them by default.

        Args:
            name: the Deployment's; its pods are labelled app=NAME.
            images: container → image.
            broken: how many pods; 0 waits until all are Running instead.
            how: `replicas` (2) and `init`, see `a_deployment`; `pods` goes into the template's spec, and the rest into
                the Deployment's.
        """
        known = {key: how.pop(key) for key in ("replicas", "init") if key in how}
        body = a_deployment(name, images=images, **known)
        body["spec"]["template"]["spec"] |= {"terminationGracePeriodSeconds": 1} | how.pop("pods", {})
        body["spec"] |= how
        self.namespace.create("deployments", body)
        wanted = body["spec"]["replicas"]
        return (
            self.until_running(wanted, name)
            if broken == 0
            else self.until_broken(wanted if broken is None else broken, name)
        )

    def set_image(self, image: str, container: str = "app", name: str = "web", manager: str = "tests") -> None:
        """What a person or a controller does: change one image of a Deployment's template."""
        self.namespace.patch("deployments", name, image_patch(image, container), fieldManager=manager)

    def deployment(self, name: str = "web") -> Json:
        """A Deployment as it is now."""
        return self.namespace.get("deployments", name)

    def images(self, name: str = "web") -> dict[str, str]:
        """Container → image of the live template, init containers too."""
        spec = self.deployment(name)["spec"]["template"]["spec"]
        return {each["name"]: each["image"] for each in [*spec["containers"], *spec.get("initContainers", [])]}

    def pods(self, name: str = "web") -> list[Pod]:
        """A workload's pods that are not being deleted."""
        found = self.namespace.items("pods", labelSelector=f"app={name}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def until_broken(self, count: int, name: str = "web") -> list[Pod]:
        """Wait until so many pods cannot pull, and return those."""
        return self._until(name, lambda pod: bool(waiting(pod)), count)

    def until_running(self, count: int, name: str = "web") -> list[Pod]:
        """Wait until so many pods are ready, and return those."""
        return self._until(name, ready, count)

    def _until(self, name: str, holds: Callable[[Pod], bool], count: int) -> list[Pod]:
        def look() -> list[Pod] | None:
            found = [pod for pod in self.pods(name) if holds(pod)]
            return found if len(found) >= count else None

        return eventually(look) or []

    # Its runs

    def start(self, pods: Sequence[Pod], bridge: str = "bridge", **labels: str) -> WorkflowHandle[Any, Any]:
        """Post the alerts of these pods to a bridge, which must start a run for their Deployment web, and no other."""
        answers = self.answers(firing(pods, **labels), bridge)
        assert set(answers) == {"started"}, answers
        return self.run()

    async def start_with(self, plan: Plan, pods: Sequence[Pod]) -> None:
        """Start a run of a plan for the Deployment web as the bridge does, where the bridge has no runbook that would
        compile to it."""
        webhook = firing(pods)["alerts"]
        alerts = tuple(
            Alert(fingerprint=each["fingerprint"], starts_at=each["startsAt"], labels=each["labels"])
            for each in webhook
        )
        target = Target(cluster=self.installation.cluster, namespace=self.name, kind="Deployment", name="web")
        await Starter(self.client, Settings(cluster=target.cluster)).start(plan, target, alerts, Options(), None)

    def answers(self, webhook: Json, bridge: str = "bridge") -> list[str]:
        """What a bridge answers to each alert of a webhook, which it must take."""
        answer = self.installation.post(webhook, bridge)
        assert answer.status_code == OK, answer.text
        return [alert["answer"] for alert in answer.json()["alerts"]]

    def run(self, name: str = "web", kind: str = "Deployment") -> WorkflowHandle[Any, Any]:
        """The latest run of a target."""
        return self.client.get_workflow_handle(self.installation.workflow_id(self.name, name, kind))

    async def until(self, phase: str, name: str = "web") -> None:
        """Wait until a phase of a target's run has begun: an activity's type, or "window"."""
        await until(self.run(name), phase, PATIENCE)

    async def pass_window(self, name: str = "web") -> None:
        """Wait until the window has begun, and move the run's clock past it."""
        await self.until(WINDOW, name)
        await TimeSkipper(self.client).fast_forward(self.run(name), WINDOW_SECONDS + 1)

    async def end(self, name: str = "web", kind: str = "Deployment") -> RunResult | Failed:
        """How a target's latest run ended."""
        return await end(self.run(name, kind), PATIENCE)

    async def completed(self, name: str = "web") -> RunResult:
        """The result of a run that must complete."""
        ended = await self.end(name)
        assert isinstance(ended, RunResult), ended
        return ended

    async def failed(self, name: str = "web", kind: str = "Deployment") -> Failed:
        """The failure of a run that must fail."""
        ended = await self.end(name, kind)
        assert isinstance(ended, Failed), ended
        return ended

    async def resolved(self, pods: Sequence[Pod], bridge: str = "bridge", **labels: str) -> RunResult:
        """The result of a run for these pods that must resolve, its window passed over."""
        self.start(pods, bridge, **labels)
        await self.pass_window()
        result = await self.completed()
        assert result.outcome == "resolved", result.summary
        return result

    # What they wrote

    def told(self, name: str = "web", kind: str = "Deployment") -> list[str]:
        """The reasons of all events that Runmend has written on a target, oldest first."""
        asked = {"source": "runmend", "involvedObject.kind": kind, "involvedObject.name": name}
        found = self.namespace.items("events", fieldSelector=",".join(f"{key}={value}" for key, value in asked.items()))
        return [event["reason"] for event in sorted(found, key=lambda event: int(event["metadata"]["resourceVersion"]))]

    def assert_wrote(self, changes: int, dry_runs: int = 0) -> None:
        """Assert how often Runmend changed a Deployment here, and how many changes it tried in a dry run.

        The API server's audit log tells. A cluster of somebody else's has none for us: there the managers of the
        Deployments tell whether Runmend has written at all.
        """
        log = self.namespace.cluster.kubeconfig.with_name("audit.log")
        if log.exists():
            sent = list(writes(log, namespace=self.name, resource="deployments", agent="runmend"))
            assert (sum(each.done for each in sent), sum(each.dry_run and each.code == OK for each in sent)) == (
                changes,
                dry_runs,
            ), sent
            return
        found = self.namespace.items("deployments")
        managers = {field["manager"] for each in found for field in each["metadata"]["managedFields"]}
        assert not found or (changes > 0) == ("runmend" in managers), managers


def described(kubectl: Kubectl, shop: Shop, name: str = "web", kind: str = "Deployment") -> list[tuple[str, str, str]]:
    """Type, reason and message of Runmend's events in what `kubectl describe` says of an object, in its order."""
    text = kubectl("describe", kind, name, "-n", shop.name)
    rows = re.findall(r"^  (Normal|Warning) +(\w+) +.* +runmend +(\S.*)$", text, re.MULTILINE)
    return [(event_type, reason, message) for event_type, reason, message in rows]


def waiting(pod: Pod, reasons: Sequence[str] = NOT_PULLED) -> list[str]:
    """The containers of a pod that wait for one of these reasons, by default for an image, init containers too."""
    status = pod["status"]
    every = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return [each["name"] for each in every if each["state"].get("waiting", {}).get("reason") in reasons]


def ready(pod: Pod) -> bool:
    """Whether a pod is Running and all of its containers are ready."""
    statuses = pod["status"].get("containerStatuses", [])
    return pod["status"]["phase"] == "Running" and bool(statuses) and all(each["ready"] for each in statuses)


def a_workload(kind: str) -> tuple[str, Json]:
    """The collection and the body of a workload web, of one pod that cannot pull."""
    template = a_template(MISSING)
    about, selector = {"metadata": {"name": "web"}}, {"matchLabels": {"app": "web"}}
    match kind:
        case "Pod":
            return "pods", {"metadata": {"name": "web", **template["metadata"]}, "spec": template["spec"]}
        case "StatefulSet":
            return "statefulsets", about | {
                "spec": {"replicas": 1, "serviceName": "web", "selector": selector, "template": template}
            }
        case "ReplicaSet":
            return "replicasets", about | {"spec": {"replicas": 1, "selector": selector, "template": template}}
        case "DaemonSet":
            template["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "node-0"}
            return "daemonsets", about | {"spec": {"selector": selector, "template": template}}
        case "Job":
            template["spec"]["restartPolicy"] = "Never"
            return "jobs", about | {"spec": {"template": template}}
        case _:
            raise AssertionError(kind)


def firing(pods: Sequence[Pod], reasons: Sequence[str] = NOT_PULLED, **labels: str) -> Json:
    """Alertmanager's webhook for the containers of these pods that wait for one of these reasons, by default for what
    cannot be pulled, with further labels on each alert.

    Its fingerprints are of the labels, as Alertmanager's are, so that the same alert posted twice is the same episode.
    """
    webhook: Json = json.loads(PAYLOAD.read_text())
    example = webhook["alerts"][0]
    webhook["alerts"] = [_alert(example, pod, container, labels) for pod in pods for container in waiting(pod, reasons)]
    assert webhook["alerts"], "nothing is broken"
    return webhook


def _alert(example: Json, pod: Pod, container: str, labels: dict[str, str]) -> Json:
    about = pod["metadata"]
    alert = copy.deepcopy(example)
    alert["labels"] |= {
        "namespace": about["namespace"],
        "pod": about["name"],
        "uid": about["uid"],
        "container": container,
    } | labels
    alert["fingerprint"] = hashlib.sha256(json.dumps(alert["labels"], sort_keys=True).encode()).hexdigest()[:16]
    return alert


__all__ = ["FALLBACK", "GOOD", "MISSING", "SPREAD", "Shop", "a_workload", "described", "firing", "ready", "waiting"]
