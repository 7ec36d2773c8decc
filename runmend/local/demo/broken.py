"""What can be broken in the embedded cluster, and how: a Deployment or a node that it runs on, and the alert that
Alertmanager would send for it.

Called by the demo and by `runmend break`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from runmend.alerts.alert import Target
from runmend.core.kinds import kind_of_name
from runmend.core.outcomes import Outcome
from runmend.facts.node import NodeFacts
from runmend.facts.pod import PodFacts
from runmend.kube.client import FIELD_MANAGER, Cluster
from runmend.kube.connection import Connection
from runmend.kube.owners import Workloads
from runmend.local.demo.sending import DemoFailed, sent

NAMESPACE: Final = "shop"
NAME: Final = "web"
CLUSTER: Final = "demo"
GOOD: Final = "registry.example/app:2.3"
BESIDE: Final = "registry.example/proxy:1.4"
_SCRIPTED: Final = "registry.example/app:"
_MISSING: Final = f"{_SCRIPTED}missing"
_PULLING: Final = "ImagePullBackOff"
_CRASHING: Final = "CrashLoopBackOff"
_CREATING: Final = "ContainerCreating"
_BROKEN_SECONDS: Final = 40
_LOOK_SECONDS: Final = 0.1
_GONE: Final = 404
_THERE: Final = 409
_NODE: Final = "/api/v1/nodes/{name}"


class OfNode(StrEnum):
    """What is the matter with the node, where it is a node that is broken."""

    SILENT = "silent"
    """Its kubelet is not heard of."""
    CORDONED = "cordoned"
    """It is well, and cordoned as a run leaves it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is broken, in words.

    `image` is what the Deployment is made with, `then` what a rollout changes it to; None: there is none. `waits` is
    what its containers wait for then; empty: they run, and are not ready. `container` is what else the container
    has, `pod` what else its pods have. `node` is what then becomes of a node that the Deployment runs on, None where it
    is the Deployment that is broken. `expects` is the outcome of the shipped runbook's run, None where no shipped
    runbook is for it.
    """

    name: str
    image: str
    tells: str
    then: str | None = None
    replicas: int = 2
    waits: str = _PULLING
    alertname: str = "KubePodImagePullBackOff"
    container: Mapping[str, Any] = field(default_factory=dict)
    pod: Mapping[str, Any] = field(default_factory=dict)
    node: OfNode | None = None
    expects: Outcome | None = Outcome.RESOLVED

    def broken(self, pods: tuple[PodFacts, ...]) -> tuple[PodFacts, ...]:
        """The pods that the alert is about."""
        return tuple(
            pod
            for pod in pods
            if (pod.waiting_for(self.waits) if self.waits else pod.phase == "Running" and not pod.running)
        )

    def is_there(self, pods: tuple[PodFacts, ...]) -> bool:
        """Whether the trouble is as it will be when the alert comes, minutes later.

        A program that crashes serves for a moment first, so its rollout goes on until all new pods are made.
        """
        if self.then is None:
            return len(self.broken(pods)) >= self.replicas
        crashed = self.waits != _CRASHING or sum(pod.restarts > 0 for pod in pods) == self.replicas
        return crashed and bool(self.broken(pods))


SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario("bad-image", _MISSING, f"was made with an image that does not exist, {_MISSING}: nothing serves"),
        Scenario(
            "bad-rollout",
            GOOD,
            f"served with {GOOD}; a rollout changed it to {_MISSING}, which does not exist",
            then=_MISSING,
            replicas=3,
            expects=Outcome.RECOMMENDED,
        ),
        Scenario(
            "bad-credentials", f"{_SCRIPTED}unauthorized", "was made with an image that its registry gives to nobody"
        ),
        Scenario("registry-down", f"{_SCRIPTED}unreachable", "was made with an image whose registry does not answer"),
        Scenario(
            "crash-loop",
            f"{_SCRIPTED}crash",
            "was made with a program that ends a second after each start",
            waits=_CRASHING,
            alertname="KubePodCrashLooping",
            expects=Outcome.UNHANDLED,
        ),
        Scenario(
            "bad-program",
            GOOD,
            "served; a rollout brought a program that ends a second after each start",
            then=f"{_SCRIPTED}crash",
            waits=_CRASHING,
            alertname="KubePodCrashLooping",
        ),
        Scenario(
            "out-of-memory",
            f"{_SCRIPTED}needs-200mi",
            "was made with a limit of 100Mi, and its program needs 200Mi",
            waits=_CRASHING,
            alertname="KubePodOOMKilled",
            container={"resources": {"limits": {"memory": "100Mi"}}},
        ),
        Scenario(
            "container-creating",
            GOOD,
            "was made with a volume of the ConfigMap web-config, which is not there",
            waits=_CREATING,
            alertname="KubeContainerWaiting",
            container={"volumeMounts": [{"name": "config", "mountPath": "/etc/web"}]},
            pod={"volumes": [{"name": "config", "configMap": {"name": "web-config"}}]},
            expects=Outcome.UNHANDLED,
        ),
        Scenario(
            "not-ready",
            f"{_SCRIPTED}unhealthy",
            "was made with a program whose readiness probe always fails",
            waits="",
            alertname="KubePodNotReady",
            container={"readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}},
            expects=None,
        ),
        Scenario(
            "node-not-ready",
            GOOD,
            "is not heard of: its kubelet has stopped",
            replicas=4,
            waits="",
            alertname="KubeNodeNotReady",
            node=OfNode.SILENT,
        ),
        Scenario(
            "node-unschedulable",
            GOOD,
            "is cordoned, as an earlier run has left it, and is well again",
            waits="",
            alertname="KubeNodeUnschedulable",
            node=OfNode.CORDONED,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Broken:
    """What was broken: the target of the run that shall mend it, the Deployment's pods, and the node if it is one."""

    scenario: Scenario
    target: Target
    pods: tuple[PodFacts, ...]
    node: NodeFacts | None = None

    @property
    def there(self) -> tuple[PodFacts, ...]:
        """The pods that the alert is about, or those on the node."""
        if self.node is None:
            return self.scenario.broken(self.pods)
        return tuple(pod for pod in self.pods if pod.node == self.node.name)

    @property
    def parts(self) -> tuple[tuple[str, str, bool], ...]:
        """The node, and the Deployment's pods: name, state in words, and whether it is in trouble."""
        if self.node is None:
            return tuple((pod.name, _state(pod), pod in self.there) for pod in self.pods)
        # Nothing happens to what runs on a node that is cordoned.
        lost = self.there if self.scenario.node is OfNode.SILENT else ()
        pods = ((pod.name, f"{_state(pod)}, on {pod.node}", pod in lost) for pod in self.pods)
        return ((self.node.name, _state(self.node), True), *pods)

    def __str__(self) -> str:
        return f"{self.target} {self.scenario.tells}."


def _state(found: PodFacts | NodeFacts) -> str:
    return found.in_words.partition(": ")[2]


class Breaking:
    """Breaks the Deployment shop/web of the embedded cluster, unless another is named, or a node that it runs on.

    Args:
        connection: to the embedded cluster.
        cluster: the same.
        namespace: the Deployment's.
        name: the Deployment's.
        kind: Deployment, or ReplicaSet: one without a Deployment, which no rollout changes.
        seconds: for how long to wait for each thing that the cluster has to arrive at.
    """

    def __init__(
        self,
        connection: Connection,
        cluster: Cluster,
        *,
        namespace: str = NAMESPACE,
        name: str = NAME,
        kind: str = "Deployment",
        seconds: float = _BROKEN_SECONDS,
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._seconds = seconds
        self._target = Target(cluster=CLUSTER, namespace=namespace, kind=kind, name=name)
        self._deployments = kind_of_name(kind).path.format(namespace=namespace, name="").removesuffix("/")

    async def make(self, scenario: Scenario) -> Broken:
        """Make it, break it, and wait until the kubelets tell of it. A Deployment that is there already is replaced,
        and where a node is to be broken, all of them are made well first.

        Raises:
            DemoFailed: the embedded cluster did not do as it should.
        """
        namespace, name = self._target.namespace, self._target.name
        await self._sent("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}, fine=_THERE)
        await self._sent("DELETE", f"{self._deployments}/{name}", None, fine=_GONE)
        await self._wait(lambda pods: not pods, "to go")
        if scenario.node:
            await self.mend_nodes()
        await self._sent("POST", self._deployments, _deployment(scenario, name))
        if scenario.then is not None or scenario.node:
            pods = await self._wait(
                lambda pods: len(pods) == scenario.replicas and all(pod.running for pod in pods), "to serve"
            )
        if scenario.node:
            return await self._break_node(scenario, pods)
        if scenario.then is not None:
            patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": scenario.then}]}}}}
            await self._sent("PATCH", f"{self._deployments}/{name}", patch)
        pods = await self._wait(scenario.is_there, "to be in trouble")
        return Broken(scenario, self._target, pods)

    async def mend_nodes(self) -> None:
        """Make all nodes of the embedded cluster ready and schedulable."""
        for node in await asyncio.to_thread(self._cluster.list_of, "Node", ""):
            name = node["metadata"]["name"]
            await self._sent("PATCH", _NODE.format(name=name), {"spec": {"unschedulable": None}})
            await self._says_ready(name, "True", "KubeletReady")

    async def silence(self, node: str) -> None:
        """Let a node not be heard of. Nothing of the embedded cluster writes its status again."""
        await self._says_ready(node, "Unknown", "NodeStatusUnknown")

    async def change(self, target: Target, patch: Mapping[str, Any], manager: str) -> None:
        """Patch an object as another field manager.

        Raises:
            DemoFailed: the embedded cluster refused.
        """
        path = kind_of_name(target.kind).path.format(namespace=target.namespace, name=target.name)
        await self._sent("PATCH", f"{path}?fieldManager={manager}", patch)

    async def _says_ready(self, node: str, status: str, reason: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        ready = {"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": now}
        await self._sent("PATCH", f"{_NODE.format(name=node)}/status", {"status": {"conditions": [ready]}})

    async def _break_node(self, scenario: Scenario, pods: tuple[PodFacts, ...]) -> Broken:
        """Break the first node that the Deployment runs on."""
        name = min(pod.node for pod in pods)
        if scenario.node is OfNode.SILENT:
            await self.silence(name)
        else:
            # The field manager tells whose a cordon is.
            cordon = {"spec": {"unschedulable": True}}
            await self._sent("PATCH", f"{_NODE.format(name=name)}?fieldManager={FIELD_MANAGER}", cordon)
        node = await self._node_in_trouble(name)
        return Broken(scenario, Target(cluster=CLUSTER, kind="Node", name=name), pods, node)

    async def _node_in_trouble(self, name: str) -> NodeFacts:
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    node = await asyncio.to_thread(self._cluster.node, name)
                    if not node.takes_pods:
                        return node
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise DemoFailed(f"waited {self._seconds} s for node {name} to be in trouble: {node.in_words}") from None

    async def _wait(self, until: Callable[[tuple[PodFacts, ...]], bool], what: str) -> tuple[PodFacts, ...]:
        pods: tuple[PodFacts, ...] = ()
        namespace, name = self._target.namespace, self._target.name
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    pods = (await asyncio.to_thread(Workloads.of, self._cluster, namespace)).pods_of(self._target)
                    if until(pods):
                        return pods
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            seen = "; ".join(pod.in_words for pod in pods) or "there is none"
            raise DemoFailed(f"waited {self._seconds} s for the pods of {namespace}/{name} {what}: {seen}") from None

    async def _sent(self, method: str, path: str, body: Mapping[str, Any] | None, *, fine: int = 0) -> None:
        await sent(self._connection, method, path, body, fine=fine)


def webhook(broken: Broken, *, cluster: str = CLUSTER, since: datetime | None = None) -> dict[str, Any]:
    """Alertmanager's webhook as it was captured from a real one, with what is broken for what it was about.

    Args:
        broken: that the alerts are about.
        cluster: the label `cluster`.
        since: when it began, so that it is an episode of its own; None: the one that was captured.
    """
    body: dict[str, Any] = json.loads(
        resources.files("runmend.local.demo").joinpath("payload.json").read_text(encoding="utf-8")
    )
    captured, scenario = body["alerts"], broken.scenario
    common = {"cluster": cluster, "alertname": scenario.alertname, "reason": scenario.waits}
    about = [_of_pod(pod, scenario) for pod in broken.there] if broken.node is None else [_of_node(broken)]
    adjusted = []
    for number, (own, uid, summary) in enumerate(about):
        alert = captured[number % len(captured)]
        labels = {name: value for name, value in (alert["labels"] | common | own).items() if value}
        again = {}
        if since is not None:
            fingerprint = sha256(f"{scenario.alertname} {uid}".encode()).hexdigest()[:16]
            again = {"startsAt": since.isoformat(), "fingerprint": fingerprint}
        adjusted.append(alert | {"labels": labels, "annotations": {"summary": summary}} | again)
    told = [alert["labels"].items() for alert in adjusted]
    alike = dict(told[0]) if told else {}
    alike = {name: value for name, value in alike.items() if all((name, value) in labels for labels in told)}
    group = {name: alike[name] for name in ("alertname", "namespace") if name in alike}
    return body | {"alerts": adjusted, "groupLabels": group, "commonLabels": alike}


def _of_pod(pod: PodFacts, scenario: Scenario) -> tuple[dict[str, str], str, str]:
    """The labels of its alert, its uid, and the alert's summary."""
    summary = f"{pod.namespace}/{pod.name} {'cannot pull its image' if scenario.waits == _PULLING else 'is broken'}"
    return {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}, pod.uid, summary


def _of_node(broken: Broken) -> tuple[dict[str, str], str, str]:
    """The same of a node's; its labels of a pod are those of kube-state-metrics, which has told of the node."""
    name, uid = broken.target.name, broken.node.uid if broken.node else ""
    labels = {"node": name, "namespace": "monitoring", "pod": "kube-state-metrics-0", "container": "kube-state-metrics"}
    if broken.scenario.node is OfNode.SILENT:
        labels |= {"condition": "Ready", "status": "true"}
    return labels | {"uid": ""}, uid, str(broken)


def _deployment(scenario: Scenario, name: str) -> dict[str, Any]:
    labels = {"app": name}
    app = {"name": "app", "image": scenario.image, **scenario.container}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": scenario.replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [app, {"name": "proxy", "image": BESIDE}], **scenario.pod},
            },
        },
    }
