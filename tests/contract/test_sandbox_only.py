"""What the sandbox does in its own way: what it does not serve, and its life in a test."""

import asyncio
import json
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from starlette.types import ASGIApp, Receive, Scope, Send

from runmend.local.sandbox import Sandbox
from runmend.local.sandbox.events import Recorder
from runmend.local.sandbox.pages import Pages
from runmend.local.sandbox.resources import EVENTS, NAMESPACES, PODS
from runmend.local.sandbox.status import Refused
from runmend.local.sandbox.store import Store
from tests.cluster.api import STRATEGIC, Cluster, Namespace, a_container, a_deployment, a_pod, a_template, eventually
from tests.loopback import async_http_client, http_client

FROZEN = {"sandbox.runmend.io/frozen": "true"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def alone(sandbox: Sandbox, tmp_path: Path) -> Iterator[Namespace]:
    """A namespace in a sandbox of this test's own."""
    cluster = Cluster("sandbox", sandbox.write_kubeconfig(tmp_path / "kubeconfig"))
    with cluster.http, cluster.namespace() as namespace:
        yield namespace


def test_its_kubeconfig_is_for_its_owner_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    path = sandbox.write_kubeconfig(tmp_path / "kubeconfig")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(path.read_text())
    assert config["current-context"] == "sandbox"
    assert config["clusters"][0]["cluster"]["server"] == sandbox.url
    assert config["users"][0]["user"]["token"] == sandbox.token


def test_it_asks_for_its_token(sandbox: Sandbox) -> None:
    with http_client(sandbox.url) as anyone:
        assert anyone.get("/api/v1/pods").status_code == 401
        assert anyone.get("/api/v1/pods", headers={"Authorization": f"Basic {sandbox.token}"}).status_code == 401
        assert anyone.get("/api/v1/pods", headers={"Authorization": f"Bearer {sandbox.token}"}).status_code == 200


def test_a_frozen_pod_keeps_the_status_that_a_test_gave_it(alone: Namespace) -> None:
    alone.create("pods", a_pod("web", "registry.example/app:missing"))
    eventually(lambda: alone.events_of("web")[1:])
    alone.patch("pods", "web", {"metadata": {"annotations": FROZEN}})
    waiting = {
        "name": "app",
        "state": {"waiting": {"reason": "ImagePullBackOff"}},
        "ready": False,
        "restartCount": 0,
        "image": "x",
        "imageID": "",
    }
    alone.patch("pods", "web/status", {"status": {"phase": "Pending", "containerStatuses": [waiting]}})
    before = alone.events_of("web")

    # A pod like it, made later, that its kubelet has tried, given up and looked at again.
    alone.create("pods", a_pod("witness", "registry.example/app:missing"))
    eventually(
        lambda: [event for event in alone.events_of("witness") if event["reason"] == "BackOff" and event["count"] > 1]
    )

    assert alone.get("pods", "web")["status"]["containerStatuses"] == [waiting]
    assert alone.events_of("web") == before


def test_a_thawed_pod_is_its_kubelet_s_again(alone: Namespace) -> None:
    pod = a_pod("web")
    pod["metadata"]["annotations"] = FROZEN
    alone.create("pods", pod)
    eventually(lambda: alone.get("pods", "web")["spec"].get("nodeName"))
    assert "containerStatuses" not in alone.get("pods", "web")["status"]

    alone.patch("pods", "web", {"metadata": {"annotations": {next(iter(FROZEN)): None}}})

    eventually(lambda: alone.get("pods", "web")["status"]["phase"] == "Running")


def test_a_namespace_may_have_a_container_injected_into_its_pods(alone: Namespace) -> None:
    injected = {"sandbox.runmend.io/inject-container": json.dumps(a_container("mesh", "registry.example/mesh:missing"))}
    path = f"/api/v1/namespaces/{alone.name}"
    alone.http.patch(path, json={"metadata": {"annotations": injected}}, headers={"Content-Type": STRATEGIC})
    alone.create("deployments", a_deployment())

    (pod,) = eventually(lambda: alone.items("pods"))

    assert [container["name"] for container in pod["spec"]["containers"]] == ["app", "mesh"]
    template = alone.get("deployments", "web")["spec"]["template"]["spec"]
    assert [container["name"] for container in template["containers"]] == ["app"]


def test_a_good_deployment_is_available_within_a_second(alone: Namespace) -> None:
    alone.create("deployments", a_deployment(replicas=3))

    eventually(lambda: alone.get("deployments", "web")["status"].get("availableReplicas") == 3, patience_s=1)


def test_a_pause_is_an_api_server_that_is_down(sandbox: Sandbox, alone: Namespace) -> None:
    alone.create("secrets", {"metadata": {"name": "kept"}})

    sandbox.pause()
    with pytest.raises(httpx.TransportError):
        alone.items("secrets")
    sandbox.resume()

    assert alone.names("secrets") == ["kept"]


def test_a_pod_on_a_node_that_is_not_there_goes_at_once(alone: Namespace) -> None:
    pod = a_pod("web")
    pod["spec"]["nodeName"] = "none"
    alone.create("pods", pod)

    alone.http.delete(alone.path("pods", "web"))

    assert alone.items("pods") == []


def test_a_cluster_that_is_not_on_loopback_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    path = sandbox.write_kubeconfig(tmp_path / "kubeconfig")
    path.write_text(path.read_text().replace("127.0.0.1", "192.0.2.1"))

    with pytest.raises(ValueError, match=r"192\.0\.2\.1:\d+ is not on loopback"):
        Cluster("cluster", path)


def test_it_ends_its_thread_and_frees_its_port() -> None:
    before = threading.active_count()
    with Sandbox() as first:
        url = first.url
    assert threading.active_count() == before

    with Sandbox(port=int(url.rpartition(":")[2])) as second:
        assert second.url == url


def test_it_ends_while_a_request_hangs() -> None:
    def hanging(_: ASGIApp) -> ASGIApp:
        async def hang(_scope: Scope, _receive: Receive, _send: Send) -> None:
            await asyncio.sleep(60)

        return hang

    with Sandbox(wrap=hanging) as sandbox, http_client(sandbox.url) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get("/api/v1/pods", timeout=0.1)
        began = time.monotonic()

    assert time.monotonic() - began < 5


async def test_it_serves_an_asynchronous_test() -> None:
    with Sandbox(nodes=1) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        async with async_http_client(sandbox.url, headers=headers) as client:
            answers = await asyncio.gather(*(client.get("/api/v1/nodes") for _ in range(20)))

    assert {len(answer.json()["items"]) for answer in answers} == {1}


def test_events_are_rationed_for_each_object_and_type() -> None:
    now = 1000.0
    store = Store()
    store.put(NAMESPACES, {"metadata": {"name": "shop"}})
    pod = store.put(PODS, {"metadata": {"name": "web", "namespace": "shop"}})
    recorder = Recorder(store, "kubelet", "node-0", clock=lambda: now)

    for _ in range(30):
        recorder.record(PODS, pod, "Warning", "Failed", "Error: ImagePullBackOff")
    recorder.record(PODS, pod, "Normal", "BackOff", "Back-off pulling image")

    assert counts(store) == {"Failed": 25, "BackOff": 1}
    now += 299
    recorder.record(PODS, pod, "Warning", "Failed", "Error: ImagePullBackOff")
    assert counts(store) == {"Failed": 25, "BackOff": 1}
    now += 2
    recorder.record(PODS, pod, "Warning", "Failed", "Error: ImagePullBackOff")
    assert counts(store) == {"Failed": 32, "BackOff": 1}


def counts(store: Store) -> dict[str, int]:
    return {event["reason"]: event["count"] for event in store.each(EVENTS)}


def test_a_list_can_be_continued_for_a_minute() -> None:
    now = 1000.0
    store = Store()
    for name in "abcd":
        store.put(PODS, {"metadata": {"name": name, "namespace": "shop"}})
    pages = Pages(store, clock=lambda: now)
    first = pages.page(PODS, "shop", [], 2, "")
    store.drop(PODS, first.items[0])

    now += 59
    second = pages.page(PODS, "shop", [], 1, first.token)
    assert [pod["metadata"]["name"] for pod in second.items] == ["c"]
    now += 59
    assert [pod["metadata"]["name"] for pod in pages.page(PODS, "shop", [], 9, second.token).items] == ["d"]
    now += 2
    with pytest.raises(Refused, match="too old to display a consistent list"):
        pages.page(PODS, "shop", [], 9, second.token)


def test_many_pods_are_held_up(alone: Namespace) -> None:
    alone.create("deployments", a_deployment(replicas=500))

    eventually(lambda: alone.get("deployments", "web")["status"].get("availableReplicas") == 500, patience_s=20)
    alone.patch("deployments", "web", {"spec": {"replicas": 0}})
    eventually(lambda: not alone.items("pods"), patience_s=20)


def test_a_template_that_makes_no_pod_is_told(alone: Namespace) -> None:
    alone.create("deployments", a_deployment(template=a_template(serviceAccountName="none", serviceAccount="none")))

    event = eventually(lambda: [event for event in alone.items("events") if event["reason"] == "FailedCreate"])[0]

    assert 'serviceaccount "none" not found' in event["message"]


def test_the_patch_content_type_may_have_parameters(alone: Namespace) -> None:
    alone.create("deployments", a_deployment(replicas=0))

    answer = alone.http.patch(
        alone.path("deployments", "web"),
        content=json.dumps({"spec": {"replicas": 0}}),
        headers={"Content-Type": f"{STRATEGIC}; charset=utf-8"},
    )

    assert answer.status_code == 200


def test_a_container_that_waits_has_written_nothing(alone: Namespace) -> None:
    # The nodes of the test cluster have no port that an API server could ask for logs.
    alone.create("pods", a_pod("broken", "registry.example/web:missing"))
    alone.create("pods", a_pod("web", "registry.example/web:1"))
    eventually(lambda: alone.get("pods", "broken")["status"].get("containerStatuses"))
    eventually(lambda: alone.get("pods", "web")["status"].get("phase") == "Running")

    refused = alone.http.get(f"{alone.path('pods', 'broken')}/log")
    written = alone.http.get(f"{alone.path('pods', 'web')}/log", params={"container": "app"})
    stranger = alone.http.get(f"{alone.path('pods', 'web')}/log", params={"container": "other"})

    assert refused.status_code == 400
    assert refused.json()["message"].startswith('container "app" in pod "broken" is waiting to start: ')
    assert (written.status_code, written.text) == (200, "")
    assert stranger.json()["message"] == "container other is not valid for pod web"


def test_a_watch_from_a_version_that_is_forgotten_is_gone(alone: Namespace) -> None:
    answer = alone.http.get(alone.path("pods"), params={"watch": "true", "resourceVersion": "1"})
    unread = alone.http.get(alone.path("pods"), params={"watch": "true", "resourceVersion": "x"})

    assert (answer.status_code, answer.json()["reason"]) == (410, "Expired")
    assert unread.status_code == 400


def test_what_protocol_buffers_say_and_nobody_knows_is_refused(alone: Namespace) -> None:
    kind = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    head = b"\x0a\x0c\x0a\x02v1\x12\x06Secret"
    known = b"k8s\0" + head + b"\x12\x09\x0a\x07\x0a\x05token"
    unknown = b"k8s\0" + head + b"\x12\x0b\x0a\x07\x0a\x05token\x50\x01"  # and a field 10, which says 1

    made = alone.http.post(alone.path("secrets"), content=known, headers=kind)
    refused = alone.http.post(alone.path("secrets"), content=unknown, headers=kind)
    foreign = alone.http.post(alone.path("secrets"), content=b"k8s\0\x0a\x02\x12\x00", headers=kind)

    assert (made.status_code, made.json()["metadata"]["name"]) == (201, "token")
    assert (refused.status_code, foreign.status_code) == (415, 415)


@pytest.mark.parametrize(
    "content",
    [
        b"\x08\x05",  # a number where the head is expected
        b"\x0a\x02\x08\x01",  # where its apiVersion is
        b"\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x02\x08\x01",  # where the metadata are
        b"\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x02\x10\x01",  # where an entry of the data is
        b"\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x09\x0a",  # the end
        b"\x0a\x10\x0a\x02v1\x12\x0aDeployment\x12\x08\x12\x06\x0a\x04\x08\x01\x10\x01",  # bytes where the replicas are
    ],
)
def test_protocol_buffers_that_cannot_be_read_are_refused(alone: Namespace, content: bytes) -> None:
    kind = {"Content-Type": "application/vnd.kubernetes.protobuf"}

    assert alone.http.post(alone.path("secrets"), content=b"k8s\0" + content, headers=kind).status_code == 415


def test_a_version_of_a_watch_is_made_of_digits(alone: Namespace) -> None:
    answer = alone.http.get(alone.path("secrets"), params={"watch": "true", "resourceVersion": "²"})

    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


def test_a_sandbox_that_stops_ends_its_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox() as sandbox:
        http = http_client(sandbox.url, headers={"Authorization": f"Bearer {sandbox.token}"})
        with http, http.stream("GET", "/api/v1/namespaces", params={"watch": "true"}) as answer:
            lines = answer.iter_lines()
            assert "ADDED" in next(lines)
            sandbox.stop()
            assert all("ADDED" in line for line in lines)

    assert capfd.readouterr().err == ""
