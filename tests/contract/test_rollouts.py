"""How pods are replaced, watched on many Deployments at once: the bounds of a rollout, a scale in the middle of one,
and who counts."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.cluster.api import Cluster, Json, Namespace, a_container, a_deployment, a_template, image_patch

OLD, NEW, MISSING = (f"registry.example/roll:{tag}" for tag in ("1", "2", "missing"))


@dataclass(frozen=True)
class Look:
    """A Deployment and its pods, at one look."""

    deployment: Json
    pods: list[Json]

    @property
    def status(self) -> Json:
        status: Json = self.deployment["status"]
        return status

    @property
    def living(self) -> list[str]:
        """The images of the pods that are not being deleted."""
        return sorted(image(pod) for pod in self.pods if "deletionTimestamp" not in pod["metadata"])

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """How many pods there are, of the newest template, ready, and available."""
        fields = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        return tuple(self.status.get(field, 0) for field in fields)

    @property
    def newest(self) -> Json:
        """A pod of the newest template."""
        wanted = image(self.deployment["spec"]["template"])
        return next(pod for pod in self.pods if image(pod) == wanted)

    @property
    def ready(self) -> int:
        return sum(is_ready(pod) for pod in self.pods)

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition; empty where it is not told."""
        found: Json = next((each for each in self.status.get("conditions", []) if each["type"] == kind), {})
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")


def image(pod: Json) -> str:
    """The image of a pod, or of a template."""
    name: str = pod["spec"]["containers"][0]["image"]
    return name


def is_ready(pod: Json) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


@dataclass
class Watched:
    """Everything that was seen of a namespace's Deployments, oldest first."""

    namespace: Namespace
    seen: dict[str, list[Look]] = field(default_factory=dict)

    def look(self) -> None:
        # The pods first: a pod that is there must have been allowed by the Deployment as it was then or earlier.
        pods = self.namespace.items("pods")
        for deployment in self.namespace.items("deployments"):
            name = deployment["metadata"]["name"]
            own = [pod for pod in pods if pod["metadata"]["labels"]["app"] == name]
            self.seen.setdefault(name, []).append(Look(deployment, own))

    def until(self, ends: "dict[str, End]", seconds: float = 90) -> None:
        """Look until every Deployment has come to its end."""
        deadline = time.monotonic() + seconds
        while missing := [name for name, end in ends.items() if name not in self.seen or not end(self.seen[name][-1])]:
            assert time.monotonic() < deadline, (
                f"not there yet: {missing}; {[self.last(name).status for name in missing]}"
            )
            self.look()
            time.sleep(0.05)

    def last(self, name: str) -> Look:
        return self.seen[name][-1]


class End:
    """What a Deployment comes to: the images of its living pods, and how many are available."""

    def __init__(self, images: list[str], available: int) -> None:
        self.images = sorted(images)
        self.available = available

    def __call__(self, look: Look) -> bool:
        acted = look.status.get("observedGeneration") == look.deployment["metadata"]["generation"]
        return acted and look.living == self.images and look.status.get("availableReplicas", 0) == self.available


def rolling(surge: int | str, unavailable: int | str) -> Json:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


# Deployment → replicas, strategy, and the most and the fewest pods that its strategy allows.
GOOD: dict[str, tuple[int, Json, int, int]] = {
    "numbers": (3, rolling(1, 0), 4, 3),
    "percents": (3, rolling("34%", "34%"), 5, 2),
    "all-at-once": (2, rolling("100%", "0%"), 4, 2),
    "recreated": (2, {"type": "Recreate"}, 2, 0),
}
# Deployment → replicas, strategy, and how many old and new pods a broken template leaves.
BAD: dict[str, tuple[int, Json, int, int]] = {
    "by-default": (3, {"type": "RollingUpdate"}, 3, 1),
    "four-by-default": (4, {"type": "RollingUpdate"}, 3, 2),
    "none-more": (3, rolling(0, 1), 2, 1),
    "halves": (2, rolling("50%", "50%"), 1, 2),
    "all-down": (2, {"type": "Recreate"}, 0, 2),
    "shrinks": (6, rolling(2, 1), 5, 3),
    "is-paused": (3, rolling(1, 0), 3, 1),
}
# Of these → the patch in the middle of the broken rollout, and how many old and new pods it leaves.
SCALED: dict[str, tuple[Json, int, int]] = {
    "by-default": ({"replicas": 6}, 5, 3),
    "shrinks": ({"replicas": 3}, 2, 3),
    "is-paused": ({"replicas": 6, "paused": True}, 5, 2),
    "all-down": ({"replicas": 3}, 0, 3),
}
NEVER = "never-begun"
# A container that is ready after more than a second, so that what is there meanwhile can be seen.
SLOWLY = a_container(
    "app", OLD, readinessProbe={"exec": {"command": ["check"]}, "initialDelaySeconds": 1, "periodSeconds": 1}
)


@dataclass(frozen=True)
class Stages:
    """What was seen before the templates changed, then until the rollouts ended or were stuck, then while the stuck
    ones were scaled."""

    made: Watched
    rolled: Watched
    scaled: Watched


@pytest.fixture(scope="module")
def stages(cluster: Cluster) -> Iterator[Stages]:
    with cluster.namespace() as namespace:
        made, rolled, scaled = (Watched(namespace) for _ in range(3))
        changing = GOOD | BAD
        for name, (replicas, strategy, _, _) in changing.items():
            template = a_template(OLD, name, **({"containers": [SLOWLY]} if name == "all-at-once" else {}))
            namespace.create("deployments", a_deployment(name, replicas=replicas, strategy=strategy, template=template))
        namespace.create("deployments", a_deployment(NEVER, OLD, replicas=2, paused=True))
        made.until({name: End([OLD] * case[0], case[0]) for name, case in changing.items()} | {NEVER: End([], 0)})

        for name in changing:
            namespace.patch("deployments", name, image_patch(NEW if name in GOOD else MISSING))
        ends = {name: End([NEW] * case[0], case[0]) for name, case in GOOD.items()}
        rolled.until(ends | {name: End([OLD] * old + [MISSING] * new, old) for name, (_, _, old, new) in BAD.items()})

        for name, (change, _, _) in SCALED.items():
            namespace.patch("deployments", name, {"spec": change})
        scaled.until({name: End([OLD] * old + [MISSING] * new, old) for name, (_, old, new) in SCALED.items()})
        yield Stages(made, rolled, scaled)


@pytest.mark.parametrize("name", GOOD)
def test_a_rollout_stays_within_its_bounds(stages: Stages, name: str) -> None:
    _, _, most, fewest = GOOD[name]

    assert max(len(look.living) for look in stages.rolled.seen[name]) <= most
    assert min(look.ready for look in stages.rolled.seen[name]) >= fewest


def test_a_rollout_uses_the_room_that_it_has(stages: Stages) -> None:
    assert max(len(look.living) for look in stages.rolled.seen["all-at-once"]) == 4


def test_recreate_makes_no_new_pod_while_an_old_one_runs(stages: Stages) -> None:
    running = [
        {image(pod) for pod in look.pods if pod["status"]["phase"] not in ("Failed", "Succeeded")}
        for look in stages.rolled.seen["recreated"]
    ]

    assert {NEW} in running
    assert {OLD, NEW} not in running


@pytest.mark.parametrize("name", BAD)
def test_a_bad_rollout_keeps_as_many_old_pods_as_its_bounds_say(stages: Stages, name: str) -> None:
    _, _, old, new = BAD[name]
    look = stages.rolled.last(name)

    assert look.counts == (old + new, new, old, old)
    assert look.status.get("unavailableReplicas", 0) == new
    # The condition compares with what the bounds allow, and not with what was asked for.
    assert look.condition("Available")[0] == ("True" if old else "False")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_rollout_says_that_it_goes_on(stages: Stages, name: str) -> None:
    look = stages.rolled.last(name)
    replica_set = look.newest["metadata"]["ownerReferences"][0]["name"]

    # Which one it is depends on what the controller has seen of the new pods when it looks.
    assert look.condition("Progressing") in (
        ("True", "ReplicaSetUpdated", f'ReplicaSet "{replica_set}" is progressing.'),
        ("True", "NewReplicaSetCreated", f'Created new replica set "{replica_set}"'),
    )


@pytest.mark.parametrize("name", SCALED)
def test_a_scale_in_the_middle_of_a_rollout_is_spread_over_old_and_new(stages: Stages, name: str) -> None:
    change, old, new = SCALED[name]
    look = stages.scaled.last(name)

    assert look.deployment["spec"]["replicas"] == change["replicas"]
    assert look.counts == (old + new, new, old, old)


def test_a_paused_rollout_is_scaled_and_replaces_nothing(stages: Stages) -> None:
    look = stages.scaled.last("is-paused")
    before = {pod["metadata"]["uid"] for pod in stages.rolled.last("is-paused").pods}

    assert before <= {pod["metadata"]["uid"] for pod in look.pods}
    assert look.condition("Progressing") == ("Unknown", "DeploymentPaused", "Deployment is paused")


def test_a_deployment_that_is_paused_from_its_start_makes_nothing_and_misses_nothing(stages: Stages) -> None:
    look = stages.scaled.last(NEVER)

    assert look.pods == []
    assert look.counts == (0, 0, 0, 0)
    assert "unavailableReplicas" not in look.status
    assert look.condition("Available") == (
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    )
    assert look.condition("Progressing") == ("Unknown", "DeploymentPaused", "Deployment is paused")


def test_a_container_that_waits_is_not_ready(stages: Stages) -> None:
    waiting = [
        (pod, status)
        for looks in stages.rolled.seen.values()
        for look in looks
        for pod in look.pods
        for status in pod["status"].get("containerStatuses", [])
        if "waiting" in status["state"]
    ]

    assert waiting
    assert not any(status["ready"] or is_ready(pod) for pod, status in waiting)
