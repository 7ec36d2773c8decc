"""What can be broken in the embedded cluster, and how: a Deployment, and the alert that Alertmanager would send for it.

Called by the demo and by `runmend break`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from urllib3.exceptions import HTTPError

from runmend.alerts.alert import Target
from runmend.core.errors import PermanentError
from runmend.core.outcomes import Outcome
from runmend.facts.pod import PodFacts
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.kube.owners import Workloads

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
_REQUEST_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1
_GONE: Final = 404
_THERE: Final = 409
_REFUSED: Final = 300


class DemoFailed(PermanentError):
    """The demo did not come as far as the run."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is broken, in words.

    `image` is what the Deployment is made with, `then` what a rollout changes it to; None: there is none. `waits` is
    what its containers wait for then; empty: they run, and are not ready. `container` is what else the container
    has, `pod` what else its pods have. `expects` is the outcome of the shipped runbook's run, None where no shipped
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
    expects: Outcome | None = Outcome.RESOLVED

    def broken(self, pods: tuple[PodFacts, ...]) -> tuple[PodFacts, ...]:
        """The pods that the alert is about."""
        return tuple(
            pod
            for pod in pods
            if (pod.waiting_for(self.waits) if self.waits else pod.phase == "Running" and not pod.running)
        )


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
    )
}


class BrokenDeployment:
    """A Deployment of the embedded cluster, shop/web unless another is named."""

    def __init__(
        self, connection: Connection, cluster: Cluster, *, namespace: str = NAMESPACE, name: str = NAME
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._target = Target(cluster=CLUSTER, namespace=namespace, kind="Deployment", name=name)
        self._deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"

    async def make(self, scenario: Scenario) -> tuple[PodFacts, ...]:
        """Make it, break it, and wait until the kubelets tell of it; its pods. One that is there already is replaced.

        Raises:
            DemoFailed: the embedded cluster did not do as it should.
        """
        namespace, name = self._target.namespace, self._target.name
        await self._sent("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}, fine=_THERE)
        await self._sent("DELETE", f"{self._deployments}/{name}", None, fine=_GONE)
        await self._wait(lambda pods: not pods, "to go")
        await self._sent("POST", self._deployments, _deployment(scenario, name))
        if scenario.then is not None:
            await self._wait(
                lambda pods: len(pods) == scenario.replicas and all(pod.running for pod in pods), "to serve"
            )
            patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": scenario.then}]}}}}
            await self._sent("PATCH", f"{self._deployments}/{name}", patch)
        expected = scenario.replicas if scenario.then is None else 1
        return await self._wait(lambda pods: len(scenario.broken(pods)) >= expected, "to be in trouble")

    async def _wait(self, until: Callable[[tuple[PodFacts, ...]], bool], what: str) -> tuple[PodFacts, ...]:
        pods: tuple[PodFacts, ...] = ()
        namespace, name = self._target.namespace, self._target.name
        try:
            async with asyncio.timeout(_BROKEN_SECONDS):
                while True:
                    pods = (await asyncio.to_thread(Workloads.of, self._cluster, namespace)).pods_of(self._target)
                    if until(pods):
                        return pods
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            seen = "; ".join(pod.in_words for pod in pods) or "there is none"
            raise DemoFailed(f"waited {_BROKEN_SECONDS} s for the pods of {namespace}/{name} {what}: {seen}") from None

    async def _sent(self, method: str, path: str, body: Mapping[str, Any] | None, *, fine: int = 0) -> None:
        """Send a request; `fine` is the one refusal that changes nothing."""
        kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": kind})
        try:
            answer = await asyncio.to_thread(
                self._connection.send, method, path, headers, body=body, timeout=_REQUEST_SECONDS
            )
        except (HTTPError, OSError) as error:
            raise DemoFailed(f"the embedded cluster did not answer {method} {path}: {error}") from error
        if answer.status >= _REFUSED and answer.status != fine:
            raise DemoFailed(
                f"the embedded cluster refused {method} {path}: {answer.body[:300].decode(errors='replace')}"
            )


def webhook(
    pods: tuple[PodFacts, ...], scenario: Scenario, *, cluster: str = CLUSTER, since: datetime | None = None
) -> dict[str, Any]:
    """Alertmanager's webhook as it was captured from a real one, with these pods for those that it was about.

    Args:
        pods: that the alerts are about.
        scenario: what is wrong with them.
        cluster: the label `cluster`.
        since: when it began, so that it is an episode of its own; None: the one that was captured.
    """
    body: dict[str, Any] = json.loads(
        resources.files("runmend.local.demo").joinpath("payload.json").read_text(encoding="utf-8")
    )
    captured = body["alerts"]
    common = {"cluster": cluster, "alertname": scenario.alertname, "reason": scenario.waits}
    adjusted = []
    for number, pod in enumerate(pods):
        alert = captured[number % len(captured)]
        own = common | {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
        labels = {name: value for name, value in (alert["labels"] | own).items() if value}
        summary = f"{pod.namespace}/{pod.name} {'cannot pull its image' if scenario.waits == _PULLING else 'is broken'}"
        again = {}
        if since is not None:
            fingerprint = sha256(f"{scenario.alertname} {pod.uid}".encode()).hexdigest()[:16]
            again = {"startsAt": since.isoformat(), "fingerprint": fingerprint}
        adjusted.append(alert | {"labels": labels, "annotations": {"summary": summary}} | again)
    group = {"alertname": scenario.alertname, "namespace": pods[0].namespace} if pods else body["groupLabels"]
    common_labels = {name: value for name, value in (body["commonLabels"] | common | group).items() if value}
    return body | {"alerts": adjusted, "groupLabels": group, "commonLabels": common_labels}


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
