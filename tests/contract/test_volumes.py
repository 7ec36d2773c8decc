"""Volumes of ConfigMaps and Secrets: what a kubelet makes of one that is not there, and that it tries again by itself.
What the product reads of the events' messages is read of these.
"""

import pytest

from runmend.kube import facts
from tests.cluster.api import Json, Namespace, a_pod, eventually

CONFIG = {"name": "config", "configMap": {"name": "web-config"}}
TLS = {"name": "tls", "secret": {"secretName": "web-tls"}}
PROJECTED = {
    "name": "all",
    "projected": {"sources": [{"configMap": {"name": "web-more"}}, {"secret": {"name": "web-key"}}]},
}


def a_pod_with(*volumes: Json, name: str = "web") -> Json:
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    pod = a_pod(name, volumeMounts=mounts)
    pod["spec"] |= {"volumes": list(volumes), "terminationGracePeriodSeconds": 1}
    return pod


def told(namespace: Namespace, name: str = "web") -> dict[str, Json]:
    """The events about failed mounts, by message."""
    return {event["message"]: event for event in namespace.events_of(name) if event["reason"] == "FailedMount"}


def telling(namespace: Namespace, message: str) -> Json:
    """The event that says so, once there is one."""
    eventually(lambda: message in told(namespace))
    return told(namespace)[message]


def missing(event: Json) -> str:
    """What the product reads of an event's message."""
    return facts.event(event).missing


def state_of(namespace: Namespace, name: str = "web") -> Json:
    (status,) = namespace.get("pods", name)["status"].get("containerStatuses") or [{}]
    return dict(status.get("state") or {})


@pytest.mark.parametrize(
    ("volume", "message", "lacks"),
    [
        (
            CONFIG,
            'MountVolume.SetUp failed for volume "config" : configmap "web-config" not found',
            'configmap "web-config"',
        ),
        (TLS, 'MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found', 'secret "web-tls"'),
    ],
)
def test_what_a_volume_names_and_is_not_there_keeps_a_container_from_being_made(
    namespace: Namespace, volume: Json, message: str, lacks: str
) -> None:
    namespace.create("pods", a_pod_with(volume))

    event = telling(namespace, message)

    assert (event["type"], event["source"]["component"], missing(event)) == ("Warning", "kubelet", lacks)
    assert "fieldPath" not in event["involvedObject"]
    pod = namespace.get("pods", "web")
    assert pod["status"]["phase"] == "Pending"
    assert state_of(namespace) == {"waiting": {"reason": "ContainerCreating"}}
    conditions = {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]}
    assert (conditions["Ready"], conditions["PodReadyToStartContainers"]) == ("False", "False")
    assert not [event for event in namespace.events_of("web") if event["reason"] in ("Pulling", "Pulled", "Created")]


def test_it_is_told_again_with_a_higher_count_and_the_container_starts_once_the_object_is_there(
    namespace: Namespace,
) -> None:
    namespace.create("pods", a_pod_with(CONFIG, TLS))
    eventually(lambda: len(told(namespace)) == 2 and all(event["count"] > 2 for event in told(namespace).values()))

    namespace.create("configmaps", {"metadata": {"name": "web-config"}, "data": {"a": "b"}})
    namespace.create("secrets", {"metadata": {"name": "web-tls"}, "stringData": {"a": "b"}})

    eventually(lambda: "running" in state_of(namespace))


def test_what_is_optional_is_not_waited_for(namespace: Namespace) -> None:
    config = {"name": "config", "configMap": {"name": "web-config", "optional": True}}
    namespace.create("pods", a_pod_with(config, {"name": "tls", "secret": {"secretName": "web-tls", "optional": True}}))

    eventually(lambda: "running" in state_of(namespace))
    assert not told(namespace)


def test_a_volume_that_no_container_mounts_is_not_waited_for(namespace: Namespace) -> None:
    pod = a_pod_with(CONFIG)
    del pod["spec"]["containers"][0]["volumeMounts"]
    namespace.create("pods", pod)

    eventually(lambda: "running" in state_of(namespace))
    assert not told(namespace)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"configMap": {"name": "web"}}, "configmap references non-existent config key: app.conf"),
        ({"secret": {"secretName": "web"}}, "references non-existent secret key: app.conf"),
    ],
)
def test_a_key_that_is_not_there_is_told(namespace: Namespace, source: dict[str, Json], says: str) -> None:
    items = [{"key": "app.conf", "path": "a"}]
    volume = {"name": "config", **{kind: {**named, "items": items} for kind, named in source.items()}}
    namespace.create("configmaps", {"metadata": {"name": "web"}, "data": {"other": "b"}})
    namespace.create("secrets", {"metadata": {"name": "web"}, "stringData": {"other": "b"}})
    namespace.create("pods", a_pod_with(volume))

    event = telling(namespace, f'MountVolume.SetUp failed for volume "config" : {says}')
    assert missing(event).endswith('key "app.conf"')


def test_a_projected_volume_names_what_it_lacks(namespace: Namespace) -> None:
    namespace.create("pods", a_pod_with(PROJECTED))

    ((message, event),) = eventually(lambda: told(namespace)).items()

    assert missing(event) == 'configmap "web-more", secret "web-key"'
    assert message == (
        'MountVolume.SetUp failed for volume "all" : [configmap "web-more" not found, secret "web-key" not found]'
    )
