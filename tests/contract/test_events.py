"""Events as components send them: counted on one object, combined where only their messages differ, and rationed until
they fall silent."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from runmend.kube import facts
from runmend.language.states import STATES
from tests.cluster.api import Cluster, Json, a_container, a_template, eventually

R = "registry.example"
RATION = 25
"""How many events of one type a component may send about an object; then it is one in five minutes."""
SINGLE = 9
"""How many events that differ in their message alone are sent each by itself; the next ones are combined."""
COMBINED = "(combined from similar events): "


@dataclass(frozen=True)
class Told:
    """The events of a namespace in which there was much to tell."""

    events: list[Json]
    when_spent: list[Json]
    """What had been told of the pod `loud` when its ration was spent."""
    statuses: list[Json]
    """The statuses of that pod's containers at the end."""

    def of(self, name: str, reason: str = "") -> list[Json]:
        return about(self.events, name, reason)


def about(events: list[Json], name: str, reason: str = "") -> list[Json]:
    """The events about an object, of a reason where one is given."""
    return [event for event in events if event["involvedObject"]["name"] == name and reason in ("", event["reason"])]


def count(events: list[Json], kind: str = "") -> int:
    """How often events were sent, those of a type where one is given; an event of the newer kind has no count."""
    return sum(event.get("count", 1) for event in events if kind in ("", event["type"]))


def pod_of(name: str, containers: list[Json]) -> Json:
    return {"metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 1, "containers": containers}}


def probed(name: str, containers: int) -> Json:
    """A pod of containers that are asked every second whether they are ready, and never are."""
    probe = {"exec": {"command": ["check"]}, "periodSeconds": 1}
    return pod_of(
        name, [a_container(f"c{number}", f"{R}/probed:unhealthy", readinessProbe=probe) for number in range(containers)]
    )


@pytest.fixture(scope="module")
def told(cluster: Cluster) -> Iterator[Told]:
    with cluster.namespace() as namespace:
        spec = {"replicas": 40, "selector": {"matchLabels": {"app": "web"}}, "template": a_template(nodeName="none")}
        namespace.create("replicasets", {"metadata": {"name": "burst"}, "spec": spec})
        namespace.create(
            "pods", pod_of("many", [a_container(f"c{number}", f"{R}/many-{number}:missing") for number in range(10)])
        )
        namespace.create("pods", probed("loud", 5))
        eventually(lambda: count(about(namespace.items("events"), "loud"), "Warning") >= RATION)
        when_spent = about(namespace.items("events"), "loud")
        # As much is to be told of a pod that is made afterwards, and is told.
        namespace.create("pods", probed("witness", 1))
        eventually(lambda: count(about(namespace.items("events"), "witness"), "Warning") >= 4)
        eventually(lambda: len(namespace.items("pods", labelSelector="app=web")) == 40)
        eventually(lambda: count(about(namespace.items("events"), "burst")) >= RATION)
        eventually(lambda: count(about(namespace.items("events"), "many"), "Warning") >= RATION)
        yield Told(namespace.items("events"), when_spent, namespace.get("pods", "loud")["status"]["containerStatuses"])


def test_a_burst_beyond_the_ration_is_dropped(told: Told) -> None:
    assert count(told.of("burst", "SuccessfulCreate")) == RATION


def test_events_that_differ_in_their_message_alone_are_combined(told: Told) -> None:
    single = [event for event in told.of("burst") if event["message"].startswith("Created pod: burst-")]
    (combined,) = [event for event in told.of("burst") if event not in single]

    assert len(single) == SINGLE
    assert {event["count"] for event in single} == {1}
    assert all(event["firstTimestamp"] == event["lastTimestamp"] for event in single)
    assert combined["message"].startswith(f"{COMBINED}Created pod: burst-")
    assert combined["count"] == RATION - SINGLE
    assert combined["firstTimestamp"] <= combined["lastTimestamp"]


def test_the_message_of_combined_events_is_that_of_the_last_one_after_a_prefix(told: Told) -> None:
    combined = [
        event["message"].removeprefix(COMBINED) for event in told.of("many") if event["message"].startswith(COMBINED)
    ]

    assert combined
    starts = (
        "Pulling image",
        "Back-off pulling image",
        "Failed to pull image",
        "Error: ErrImagePull",
        "Error: ImagePullBackOff",
    )
    assert all(message.startswith(starts) for message in combined)


def test_runmend_takes_a_combined_event_for_what_it_combines(told: Told) -> None:
    combined = [
        event
        for event in told.of("many")
        if event["message"].startswith(COMBINED) and event["reason"] in ("Failed", "BackOff")
    ]

    assert combined
    assert all(STATES["ImagePullBackOff"].spoken_of_by(facts.event(event)) for event in combined)


def test_normal_events_and_warnings_have_rations_of_their_own(told: Told) -> None:
    assert count(told.of("many"), "Warning") == RATION
    # One of them is the scheduler's.
    assert RATION < count(told.of("many")) <= 2 * RATION + 1


def test_a_pod_whose_ration_is_spent_is_silent_however_broken_it_is(told: Told) -> None:
    assert count(told.of("loud"), "Warning") == RATION
    assert told.of("loud", "Unhealthy") == about(told.when_spent, "loud", "Unhealthy")
    assert not any(status["ready"] for status in told.statuses)


def test_what_is_told_again_is_counted_on_one_object(told: Told) -> None:
    (event,) = told.of("witness", "Unhealthy")

    assert event["count"] >= 4
    assert event["firstTimestamp"] < event["lastTimestamp"]
    assert event["eventTime"] is None
    assert "series" not in event
    assert (event["type"], event["message"]) == ("Warning", "Readiness probe failed: unhealthy")
