"""What nodes make of images: states, phases and events, watched for a while on many pods at once."""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.cluster.api import Cluster, Json, Namespace, a_container, a_pod, a_pull_secret, eventually

# A name that no node of a cluster has pulled before.
R = f"registry.example/app-{secrets.token_hex(4)}"
NOT_PULLED = {"ErrImagePull", "ImagePullBackOff"}
# How long a container that has been restarted so often waits for its next start.
BACK_OFFS = {1: "10s", 2: "20s", 3: "40s", 4: "1m20s"}
UNPULLED = ("missing", "unauthorized", "unreachable", "nosecret", "two", "init")
RESOLVING = 'failed to pull and unpack image "{0}": failed to resolve reference "{0}": '
WHY = {
    "missing": f"rpc error: code = NotFound desc = {RESOLVING}{{0}}: not found",
    "unauthorized": (
        f"rpc error: code = Unknown desc = {RESOLVING}"
        "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized"
    ),
    "unreachable": f"rpc error: code = Unknown desc = {RESOLVING}failed to do request: dial tcp 192.0.2.1:443: "
    "i/o timeout",
}


@dataclass
class Watched:
    """Everything that was seen of a namespace's pods, oldest first, and the events at the end."""

    namespace: Namespace
    seen: dict[str, list[Json]] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)

    def look(self) -> None:
        for pod in self.namespace.items("pods"):
            states = self.seen.setdefault(pod["metadata"]["name"], [])
            if not states or states[-1]["status"] != pod["status"]:
                states.append(pod)
        self.events = self.namespace.items("events")

    def last(self, pod: str) -> Json:
        return self.seen[pod][-1]

    def statuses(self, pod: str, container: str = "app", kind: str = "containerStatuses") -> list[Json]:
        """One container's statuses over time."""
        found = [
            status
            for state in self.seen[pod]
            for status in state["status"].get(kind, [])
            if status["name"] == container
        ]
        assert found, f"nothing was seen of {container} in {pod}"
        return found

    def reasons(self, pod: str, container: str = "app", kind: str = "containerStatuses") -> list[str]:
        """The reasons that a container waited for, one after another."""
        every = [status["state"].get("waiting", {}).get("reason") for status in self.statuses(pod, container, kind)]
        return [reason for number, reason in enumerate(every) if reason and (not number or every[number - 1] != reason)]

    def phases(self, pod: str) -> set[str]:
        return {state["status"]["phase"] for state in self.seen[pod]}

    def told(self, pod: str, reason: str) -> list[Json]:
        """The events of a reason about a pod."""
        return [event for event in self.events if event["involvedObject"]["name"] == pod and event["reason"] == reason]

    def one(self, pod: str, reason: str, start: str = "") -> Json:
        """The one event of a reason about a pod whose message starts so."""
        (event,) = [event for event in self.told(pod, reason) if event["message"].startswith(start)]
        return event

    def is_enough(self) -> bool:
        """Whether every fact that the tests below look for has had its time."""
        pulled_twice = all(sum(event["count"] for event in self.told(pod, "Pulling")) >= 2 for pod in UNPULLED)
        told = all(self.told(pod, reason) for pod, reason in TOLD)
        return (
            told
            and pulled_twice
            and all(
                self._has_come(pod) for pod in ("ok", "secret", "slow", "enough", "unhealthy", "crash", "oom", "once")
            )
        )

    def _has_come(self, pod: str) -> bool:
        status = self.last(pod)["status"]
        containers = status.get("containerStatuses", [])
        if pod in ("crash", "oom"):
            return any(
                container["restartCount"] >= 2 for container in containers
            ) and "CrashLoopBackOff" in self.reasons(pod)
        if pod == "once":
            return bool(status["phase"] == "Failed")
        if pod == "unhealthy":
            return bool(self.told(pod, "Unhealthy"))
        return bool(status["phase"] == "Running" and containers and containers[0]["ready"])


def with_spec(pod: Json, **spec: object) -> Json:
    return pod | {"spec": pod["spec"] | spec}


PODS = {
    **{tag: a_pod(tag, f"{R}:{tag}") for tag in ("missing", "unauthorized", "unreachable", "crash", "ok", "slow")},
    "oom": a_pod("oom", f"{R}:needs-200mi", resources={"limits": {"memory": "100Mi"}}),
    "enough": a_pod("enough", f"{R}:needs-200mi", resources={"limits": {"memory": "200Mi"}}),
    "unhealthy": a_pod(
        "unhealthy", f"{R}:unhealthy", readinessProbe={"exec": {"command": ["check"]}, "periodSeconds": 1}
    ),
    "secret": with_spec(a_pod("secret", f"{R}:unauthorized"), imagePullSecrets=[{"name": "pull"}]),
    "nosecret": with_spec(a_pod("nosecret", f"{R}:unauthorized"), imagePullSecrets=[{"name": "absent"}]),
    "init": with_spec(a_pod("init", f"{R}:ok"), initContainers=[a_container("first", f"{R}:missing")]),
    "two": with_spec(
        a_pod("two", f"{R}:ok"), containers=[a_container("app", f"{R}:ok"), a_container("bad", f"{R}:missing")]
    ),
    "once": with_spec(a_pod("once", f"{R}:crash"), restartPolicy="Never"),
}


# Events that come last: a node sends only so many in a second.
TOLD = [
    ("slow", "Started"),
    ("ok", "Scheduled"),
    ("crash", "BackOff"),
    ("oom", "BackOff"),
    ("nosecret", "BackOff"),
    ("init", "BackOff"),
]


@pytest.fixture(scope="module")
def watched(cluster: Cluster) -> Iterator[Watched]:
    with cluster.namespace() as namespace:
        namespace.create("secrets", a_pull_secret())
        for pod in PODS.values():
            namespace.create("pods", pod)
        watched = Watched(namespace)
        deadline = time.monotonic() + 120
        while not watched.is_enough() and time.monotonic() < deadline:
            watched.look()
            time.sleep(0.1)
        yield watched


@pytest.mark.parametrize("pod", ["ok", "slow", "secret", "enough"])
def test_a_good_image_runs_and_is_ready(watched: Watched, pod: str) -> None:
    status = watched.last(pod)["status"]

    assert status["phase"] == "Running"
    (container,) = status["containerStatuses"]
    assert (container["ready"], container["started"], container["restartCount"]) == (True, True, 0)
    assert set(container["state"]) == {"running"}
    assert container["lastState"] == {}
    assert container["image"] == watched.last(pod)["spec"]["containers"][0]["image"]
    assert container["imageID"]
    assert container["containerID"]
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    assert set(conditions) == {"PodReadyToStartContainers", "PodScheduled", "Initialized", "ContainersReady", "Ready"}
    for condition in conditions.values():
        assert condition["status"] == "True"
        assert not {"reason", "message"} & set(condition)
        assert condition["lastTransitionTime"].endswith("Z")
    assert status["startTime"].endswith("Z")


def test_a_good_image_s_events(watched: Watched) -> None:
    event = watched.one("slow", "Pulling")
    node = watched.last("slow")["spec"]["nodeName"]

    assert event["message"] == f'Pulling image "{R}:slow"'
    assert (event["type"], event["count"]) == ("Normal", 1)
    assert event["source"] == {"component": "kubelet", "host": node}
    assert (event["reportingComponent"], event["reportingInstance"]) == ("kubelet", node)
    involved = event["involvedObject"]
    assert {name: involved[name] for name in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")} == {
        "kind": "Pod",
        "namespace": watched.namespace.name,
        "name": "slow",
        "uid": watched.last("slow")["metadata"]["uid"],
        "apiVersion": "v1",
        "fieldPath": "spec.containers{app}",
    }
    assert event["metadata"]["name"].startswith("slow.")
    assert re.match(
        rf'Successfully pulled image "{R}:slow" in 10(\.\d+)?s \(10', watched.one("slow", "Pulled")["message"]
    )
    assert watched.one("slow", "Created")["message"] == "Container created"
    assert watched.one("slow", "Started")["message"] == "Container started"


def test_a_scheduled_pod_has_an_event_of_the_newer_kind(watched: Watched) -> None:
    event = watched.one("ok", "Scheduled")

    assert (
        event["message"]
        == f"Successfully assigned {watched.namespace.name}/ok to {watched.last('ok')['spec']['nodeName']}"
    )
    assert event["reportingComponent"] == "default-scheduler"
    assert (event["type"], event["action"], event["source"]) == ("Normal", "Binding", {})
    assert event["firstTimestamp"] is None
    assert event["lastTimestamp"] is None
    assert event["eventTime"].endswith("Z")
    assert "count" not in event


@pytest.mark.parametrize("pod", ["missing", "unauthorized", "unreachable"])
def test_an_image_that_cannot_be_pulled_waits_for_one_of_two_reasons(watched: Watched, pod: str) -> None:
    why = WHY[pod].format(f"{R}:{pod}")
    said = {
        "ErrImagePull": why,
        "ImagePullBackOff": f'Back-off pulling image "{R}:{pod}": ErrImagePull: {why}',
    }

    for status in watched.statuses(pod):
        waiting = status["state"]["waiting"]
        if waiting["reason"] != "ContainerCreating":
            assert waiting["message"] == said[waiting["reason"]]
        assert (status["ready"], status["started"], status["restartCount"], status["imageID"]) == (False, False, 0, "")
        assert "containerID" not in status
    assert watched.phases(pod) == {"Pending"}
    conditions = {condition["type"]: condition for condition in watched.last(pod)["status"]["conditions"]}
    for kind in ("Ready", "ContainersReady"):
        assert conditions[kind]["status"] == "False"
        assert conditions[kind]["reason"] == "ContainersNotReady"
        assert conditions[kind]["message"] == "containers with unready status: [app]"


def test_the_two_reasons_alternate(watched: Watched) -> None:
    seen = [watched.reasons(pod) for pod in ("missing", "unauthorized", "unreachable", "nosecret")]

    assert {reason for reasons in seen for reason in reasons} - {"ContainerCreating"} == NOT_PULLED
    for reasons in seen:
        assert "ImagePullBackOff" in reasons
    # Not every change is written: a node that is busy skips some. In one of four pods it is seen.
    assert any(reasons[-1:] == ["ErrImagePull"] or "ErrImagePull" in reasons[1:] for reasons in seen)


@pytest.mark.parametrize("pod", ["missing", "unauthorized", "unreachable"])
def test_a_failed_pull_s_events(watched: Watched, pod: str) -> None:
    image = f"{R}:{pod}"
    expected = {
        ("Pulling", "Normal", f'Pulling image "{image}"'),
        ("Failed", "Warning", f'Failed to pull image "{image}": {WHY[pod].format(image)}'),
        ("Failed", "Warning", "Error: ErrImagePull"),
        ("Failed", "Warning", "Error: ImagePullBackOff"),
        ("BackOff", "Normal", f'Back-off pulling image "{image}"'),
    }

    by_kubelet = [event for event in watched.events if event["source"].get("component") == "kubelet"]
    found = {
        (event["reason"], event["type"], event["message"])
        for event in by_kubelet
        if event["involvedObject"]["name"] == pod
    }

    assert found == expected


def test_events_are_counted_on_one_object(watched: Watched) -> None:
    event = watched.one("missing", "BackOff")

    assert event["count"] >= 2
    assert event["firstTimestamp"] < event["lastTimestamp"]
    (failed,) = [found for found in watched.told("missing", "Failed") if found["message"] == "Error: ErrImagePull"]
    tries = [
        watched.one("missing", "Pulling")["count"],
        watched.one("missing", "Failed", "Failed to pull image")["count"],
        failed["count"],
    ]
    # They are told one after the other, so the last try may be told in part.
    assert tries == sorted(tries, reverse=True)
    assert tries[0] >= 2
    assert tries[0] - tries[-1] <= 1


def test_a_pull_secret_that_is_not_there_is_told(watched: Watched) -> None:
    event = watched.one("nosecret", "FailedToRetrieveImagePullSecret")

    assert event["type"] == "Warning"
    assert (
        event["message"]
        == "Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed."
    )
    assert "fieldPath" not in event["involvedObject"]
    assert set(watched.reasons("nosecret")) & NOT_PULLED


def test_an_init_container_that_cannot_be_pulled_blocks_the_rest(watched: Watched) -> None:
    assert set(watched.reasons("init", "first", "initContainerStatuses")) & NOT_PULLED
    assert watched.reasons("init") == ["PodInitializing"]
    assert watched.phases("init") == {"Pending"}
    assert watched.one("init", "BackOff")["involvedObject"]["fieldPath"] == "spec.initContainers{first}"
    conditions = {condition["type"]: condition for condition in watched.last("init")["status"]["conditions"]}
    initialized = conditions["Initialized"]
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")
    assert initialized["message"] == "containers with incomplete status: [first]"


def test_a_pod_is_pending_while_one_of_its_containers_waits_for_an_image(watched: Watched) -> None:
    states = {status["name"]: status for status in watched.last("two")["status"]["containerStatuses"]}

    assert set(states["app"]["state"]) == {"running"}
    assert states["app"]["ready"]
    assert watched.reasons("two", "bad")[-1] in NOT_PULLED
    assert watched.phases("two") == {"Pending"}
    conditions = {condition["type"]: condition for condition in watched.last("two")["status"]["conditions"]}
    assert conditions["Ready"]["message"] == "containers with unready status: [bad]"


@pytest.mark.parametrize(("pod", "exit_code", "reason"), [("crash", 1, "Error"), ("oom", 137, "OOMKilled")])
def test_a_container_that_ends_is_started_again_and_then_backs_off(
    watched: Watched, pod: str, exit_code: int, reason: str
) -> None:
    waits = [
        status
        for status in watched.statuses(pod)
        if status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"
    ]
    uid = watched.last(pod)["metadata"]["uid"]
    title = f"{pod}_{watched.namespace.name}({uid})"

    # Not every change is written: a node that is busy skips some.
    assert waits
    for wait in waits:
        delay = BACK_OFFS[wait["restartCount"]]
        assert wait["state"]["waiting"]["message"] == f"back-off {delay} restarting failed container=app pod={title}"
    ended = waits[0]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (exit_code, reason)
    assert ended["startedAt"] <= ended["finishedAt"]
    assert watched.last(pod)["status"]["containerStatuses"][0]["restartCount"] >= 2
    assert watched.phases(pod) <= {"Pending", "Running"}
    assert watched.last(pod)["status"]["phase"] == "Running"
    event = watched.one(pod, "BackOff")
    assert (event["type"], event["message"]) == ("Warning", f"Back-off restarting failed container app in pod {title}")
    assert watched.one(pod, "Pulled", "Container image")["message"].startswith(
        f'Container image "{watched.last(pod)["spec"]["containers"][0]["image"]}" already present on machine'
    )


def test_a_container_that_may_not_restart_fails_its_pod(watched: Watched) -> None:
    status = watched.last("once")["status"]

    assert status["phase"] == "Failed"
    ended = status["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (1, "Error")
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    for kind in ("Ready", "ContainersReady"):
        assert (conditions[kind]["status"], conditions[kind]["reason"]) == ("False", "PodFailed")
        assert "message" not in conditions[kind]
    assert conditions["PodReadyToStartContainers"]["status"] == "False"
    assert conditions["Initialized"]["status"] == "True"


def test_a_failing_probe_leaves_a_running_container_unready(watched: Watched) -> None:
    status = watched.last("unhealthy")["status"]

    assert status["phase"] == "Running"
    (container,) = status["containerStatuses"]
    assert (container["ready"], container["started"], set(container["state"])) == (False, True, {"running"})
    event = watched.one("unhealthy", "Unhealthy")
    assert (event["type"], event["message"]) == ("Warning", "Readiness probe failed: unhealthy")


def test_another_image_cures_a_pod_in_place(namespace: Namespace) -> None:
    namespace.create("pods", a_pod("web", f"{R}:missing"))
    eventually(lambda: is_waiting(namespace.get("pods", "web")))

    namespace.patch("pods", "web", {"spec": {"containers": [{"name": "app", "image": f"{R}:ok"}]}})

    eventually(lambda: namespace.get("pods", "web")["status"]["phase"] == "Running")


def test_another_image_cures_an_init_container_in_place(namespace: Namespace) -> None:
    namespace.create("pods", with_spec(a_pod("web", f"{R}:ok"), initContainers=[a_container("first", f"{R}:missing")]))
    eventually(lambda: is_waiting(namespace.get("pods", "web")))

    namespace.patch("pods", "web", {"spec": {"initContainers": [{"name": "first", "image": f"{R}:ok"}]}})

    eventually(
        lambda: (
            {"running", "terminated"} & set(namespace.get("pods", "web")["status"]["initContainerStatuses"][0]["state"])
        )
    )


def is_waiting(pod: Json) -> bool:
    kinds = ("initContainerStatuses", "containerStatuses")
    states = [status["state"] for kind in kinds for status in pod["status"].get(kind, [])]
    return any(state.get("waiting", {}).get("reason") in NOT_PULLED for state in states)


def test_a_secret_that_comes_later_cures_the_pod(namespace: Namespace) -> None:
    namespace.create("pods", with_spec(a_pod("web", f"{R}:unauthorized"), imagePullSecrets=[{"name": "pull"}]))
    eventually(lambda: is_waiting(namespace.get("pods", "web")))

    namespace.create("secrets", a_pull_secret())

    eventually(lambda: namespace.get("pods", "web")["status"]["phase"] == "Running")


@pytest.mark.parametrize(
    "secret", [a_pull_secret(registry="other.example"), {"metadata": {"name": "pull"}, "stringData": {"a": "b"}}]
)
def test_a_secret_for_something_else_does_not_help(namespace: Namespace, secret: Json) -> None:
    namespace.create("secrets", secret)
    namespace.create("pods", with_spec(a_pod("web", f"{R}:unauthorized"), imagePullSecrets=[{"name": "pull"}]))

    assert eventually(lambda: is_waiting(namespace.get("pods", "web")))


def test_init_containers_of_good_images_end_well_one_after_the_other(namespace: Namespace) -> None:
    inits = [a_container("first", f"{R}:ok"), a_container("second", f"{R}:other")]
    namespace.create("pods", with_spec(a_pod("web", f"{R}:ok"), initContainers=inits))
    eventually(lambda: namespace.get("pods", "web")["status"]["phase"] == "Running")

    status = namespace.get("pods", "web")["status"]

    ended = [found["state"]["terminated"] for found in status["initContainerStatuses"]]
    assert [(state["exitCode"], state["reason"]) for state in ended] == [(0, "Completed")] * 2
    assert ended[0]["finishedAt"] <= ended[1]["startedAt"]
    assert [(found["ready"], found["started"], found["restartCount"]) for found in status["initContainerStatuses"]] == [
        (True, False, 0)
    ] * 2


def test_a_deleted_pod_is_stopped_and_goes(namespace: Namespace) -> None:
    namespace.create("pods", a_pod("web"))
    eventually(lambda: namespace.get("pods", "web")["status"]["phase"] == "Running")

    answer = namespace.http.delete(namespace.path("pods", "web")).json()

    assert answer["metadata"]["deletionGracePeriodSeconds"] == 30
    assert answer["metadata"]["generation"] == 2
    eventually(lambda: not namespace.items("pods"))
    (killing,) = eventually(lambda: [event for event in namespace.events_of("web") if event["reason"] == "Killing"])
    assert (killing["type"], killing["message"]) == ("Normal", "Stopping container app")


def test_a_pod_can_be_deleted_at_once(namespace: Namespace) -> None:
    namespace.create("pods", a_pod("web"))

    namespace.http.delete(namespace.path("pods", "web"), params={"gracePeriodSeconds": "0"})

    assert namespace.http.get(namespace.path("pods", "web")).status_code == 404
