"""Which image references the kubelet reads: the product must call the same ones well formed."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from runmend.images.references import InvalidImageReference, parse_image
from tests.cluster.api import Cluster, Json, a_container, eventually

DIGEST = "sha256:" + "0123456789abcdef" * 4
READ = [
    "app",
    "app:1",
    "library/app",
    "registry.example/app",
    "registry.example:5000/a/b:T_1.x-y",
    "Registry.Example/app:1",
    "localhost/a_b__c-d--e.f:1",
    f"app@{DIGEST}",
    f"registry.example/app:1@{DIGEST}",
    "app:" + "t" * 128,
]
NOT_READ = [
    "registry.example/App:1",
    "Upper/Case:1",
    "registry.example/app:one:two",
    "registry.example/app:",
    "registry.example/app:-x",
    "registry.example//app:1",
    "registry.example/app@sha256:abc",
    "two words:1",
    "_app:1",
    "-a/b:1",
    ":1",
    "a" * 64,
    "app:" + "t" * 129,
    "registry.example/" + "a" * 256 + ":1",
]


ALONE = NOT_READ[0]


@dataclass(frozen=True)
class Seen:
    """What became of a container of each reference, and what was told of a pod of one that cannot be read."""

    states: dict[str, Json]
    events: list[Json]


def a_pod_of(name: str, images: list[str]) -> Json:
    containers = [a_container(f"c{number}", image) for number, image in enumerate(images)]
    return {"metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 1, "containers": containers}}


def states_of(pod: Json) -> dict[str, Json]:
    """The containers' states by their images; of those that are neither created nor being created."""
    images = {container["name"]: container["image"] for container in pod["spec"]["containers"]}
    statuses = pod["status"].get("containerStatuses", [])
    decided = [status for status in statuses if status["state"].get("waiting", {}).get("reason") != "ContainerCreating"]
    return {images[status["name"]]: status["state"] for status in decided}


@pytest.fixture(scope="module")
def seen(cluster: Cluster) -> Iterator[Seen]:
    with cluster.namespace() as namespace:
        namespace.create("pods", a_pod_of("read", READ))
        namespace.create("pods", a_pod_of("not-read", NOT_READ))
        namespace.create("pods", a_pod_of("alone", [ALONE]))

        def states() -> dict[str, Json]:
            return {image: state for pod in namespace.items("pods") for image, state in states_of(pod).items()}

        eventually(lambda: set(states()) == {*READ, *NOT_READ})
        eventually(lambda: "Failed" in {event["reason"] for event in namespace.events_of("alone")})
        yield Seen(states(), namespace.events_of("alone"))


@pytest.mark.parametrize("image", READ)
def test_a_reference_that_is_read_is_pulled(seen: Seen, image: str) -> None:
    assert set(seen.states[image]) == {"running"}
    assert parse_image(image).repository


@pytest.mark.parametrize("image", NOT_READ)
def test_a_reference_that_cannot_be_read_is_never_pulled(seen: Seen, image: str) -> None:
    waiting = seen.states[image]["waiting"]

    assert waiting["reason"] == "InvalidImageName"
    assert waiting["message"].startswith(
        f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": '
    )
    with pytest.raises(InvalidImageReference):
        parse_image(image)


def test_what_is_told_of_it_is_no_pull_that_failed(seen: Seen) -> None:
    events = {event["reason"]: event for event in seen.events}

    assert set(events) == {"Scheduled", "InspectFailed", "Failed"}
    assert events["InspectFailed"]["message"] == seen.states[ALONE]["waiting"]["message"]
    assert events["Failed"]["message"] == "Error: InvalidImageName"
    assert {events["InspectFailed"]["type"], events["Failed"]["type"]} == {"Warning"}
