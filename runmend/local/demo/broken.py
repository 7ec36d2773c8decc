"""What is broken in the demo, and how: a Deployment in the embedded cluster, and the alert that Alertmanager would send
for it.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import httpx

from runmend.alerts.alert import Target
from runmend.core.errors import PermanentError
from runmend.core.outcomes import Outcome
from runmend.facts.objects import PodFacts
from runmend.kube.client import Cluster
from runmend.kube.owners import Workloads
from runmend.local.sandbox import Sandbox

NAMESPACE: Final = "shop"
NAME: Final = "web"
CLUSTER: Final = "demo"
GOOD: Final = "registry.example/app:2.3"
MISSING: Final = "registry.example/app:missing"
BESIDE: Final = "registry.example/proxy:1.4"
_BROKEN_SECONDS: Final = 40
_LOOK_SECONDS: Final = 0.1


class DemoFailed(PermanentError):
    """The demo did not come as far as the run."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is broken, in words, and the outcome that shows it was dealt with rightly."""

    name: str
    replicas: int
    image: str
    then: str | None
    tells: str
    expects: Outcome
    """`image` is what the Deployment is made with, `then` what a rollout changes it to; None: there is none."""


SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "missing-image",
            replicas=2,
            image=MISSING,
            then=None,
            tells=f"was made with an image that does not exist, {MISSING}: nothing serves",
            expects=Outcome.RESOLVED,
        ),
        Scenario(
            "bad-rollout",
            replicas=3,
            image=GOOD,
            then=MISSING,
            tells=f"served with {GOOD}; a rollout changed it to {MISSING}, which does not exist",
            expects=Outcome.RECOMMENDED,
        ),
    )
}


class BrokenDeployment:
    """The Deployment shop/web of the embedded cluster."""

    def __init__(self, sandbox: Sandbox, cluster: Cluster) -> None:
        self._sandbox = sandbox
        self._cluster = cluster
        self._target = Target(cluster=CLUSTER, namespace=NAMESPACE, kind="Deployment", name=NAME)

    async def make(self, scenario: Scenario) -> tuple[PodFacts, ...]:
        """Make it, break it, and wait until the kubelets have given up; its pods.

        Raises:
            DemoFailed: the embedded cluster did not do as it should.
        """
        headers = {"Authorization": f"Bearer {self._sandbox.token}"}
        async with httpx.AsyncClient(base_url=self._sandbox.url, headers=headers, trust_env=False) as api:
            await _sent(api, "POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
            deployments = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
            await _sent(api, "POST", deployments, _deployment(scenario))
            if scenario.then is not None:
                await self._wait(
                    lambda pods: len(pods) == scenario.replicas and all(pod.running for pod in pods), "to serve"
                )
                patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": scenario.then}]}}}}
                await _sent(api, "PATCH", f"{deployments}/{NAME}", patch)
        expected = scenario.replicas if scenario.then is None else 1
        return await self._wait(lambda pods: len(broken(pods)) >= expected, "to give up pulling")

    async def _wait(self, until: Callable[[tuple[PodFacts, ...]], bool], what: str) -> tuple[PodFacts, ...]:
        pods: tuple[PodFacts, ...] = ()
        try:
            async with asyncio.timeout(_BROKEN_SECONDS):
                while True:
                    pods = (await asyncio.to_thread(Workloads.of, self._cluster, NAMESPACE)).pods_of(self._target)
                    if until(pods):
                        return pods
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            seen = "; ".join(pod.in_words for pod in pods) or "there is none"
            raise DemoFailed(f"waited {_BROKEN_SECONDS} s for the pods of {NAMESPACE}/{NAME} {what}: {seen}") from None


def broken(pods: tuple[PodFacts, ...]) -> tuple[PodFacts, ...]:
    """The pods that the alert is about."""
    return tuple(pod for pod in pods if pod.waiting_for("ImagePullBackOff"))


def webhook(pods: tuple[PodFacts, ...]) -> dict[str, Any]:
    """Alertmanager's webhook as it was captured from a real one, with these pods for those that it was about."""
    body: dict[str, Any] = json.loads(
        resources.files("runmend.local.demo").joinpath("payload.json").read_text(encoding="utf-8")
    )
    adjusted = []
    for alert, pod in zip(body["alerts"], pods, strict=False):
        labels = alert["labels"] | {"cluster": CLUSTER, "namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
        annotations = {"summary": f"{pod.namespace}/{pod.name} cannot pull its image"}
        adjusted.append(alert | {"labels": labels, "annotations": annotations})
    return body | {"alerts": adjusted, "commonLabels": body["commonLabels"] | {"cluster": CLUSTER}}


def _deployment(scenario: Scenario) -> dict[str, Any]:
    labels = {"app": NAME}
    containers = [{"name": "app", "image": scenario.image}, {"name": "proxy", "image": BESIDE}]
    return {
        "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "replicas": scenario.replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


async def _sent(api: httpx.AsyncClient, method: str, path: str, body: dict[str, Any]) -> None:
    kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
    try:
        answer = await api.request(method, path, json=body, headers={"Content-Type": kind})
    except httpx.HTTPError as error:
        raise DemoFailed(f"the embedded cluster did not answer {method} {path}: {error}") from error
    if answer.is_error:
        raise DemoFailed(f"the embedded cluster refused {method} {path}: {answer.text[:300]}")
