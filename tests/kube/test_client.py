"""The one way to Kubernetes: what is sent, how often, for how long, and what an answer that is no success becomes."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from kubernetes import client as api

from runmend.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RunmendError,
    ServerError,
    TemporaryError,
    Throttled,
    Unreachable,
)
from runmend.kube import requests
from runmend.kube.answers import AlreadyExists, Expired, cut, error_for
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection, NotConfigured
from runmend.local.processes import END_SECONDS
from runmend.local.sandbox import Sandbox
from runmend.plan.plan import CHANGING_SECONDS, READING_SECONDS
from runmend.reports.target_events import PATIENCE_SECONDS
from runmend.worker.assembly import GRACE
from tests.faults import Faults

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
EVERY_REQUEST: dict[str, Callable[[Cluster], object]] = {
    "version": lambda cluster: cluster.version(),
    "pods": lambda cluster: cluster.pods("shop"),
    "replica sets": lambda cluster: cluster.replica_sets("shop"),
    "events": lambda cluster: cluster.events("shop", "involvedObject.name=web-1"),
    "deployment": lambda cluster: cluster.deployment("shop", "web"),
    "service account": lambda cluster: cluster.pull_secrets_of("shop", "default"),
    "secret": lambda cluster: cluster.secret("shop", "regcred"),
    "patch": lambda cluster: cluster.patch("Deployment", "shop", "web", []),
    "dry run": lambda cluster: cluster.patch("Deployment", "shop", "web", [], dry_run=True),
    "event": lambda cluster: cluster.create_event("shop", {}, seconds=0.05),
}
every_request = pytest.mark.parametrize("ask", EVERY_REQUEST.values(), ids=EVERY_REQUEST)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, Faults]]:
    faults = Faults()
    with Sandbox(wrap=faults.wrap) as sandbox:
        yield sandbox, faults


@pytest.fixture
def faults(served: tuple[Sandbox, Faults]) -> Faults:
    served[1].clear()
    served[1].requests.clear()
    return served[1]


@pytest.fixture
def cluster(served: tuple[Sandbox, Faults], tmp_path: Path) -> Iterator[Cluster]:
    connected = Cluster.connect(kubeconfig=served[0].write_kubeconfig(tmp_path / "kubeconfig"))
    yield connected
    connected.close()


@pytest.fixture
def silent() -> Iterator[Cluster]:
    """An API server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        connected = Cluster(
            Connection(lambda: api.Configuration(host=f"http://127.0.0.1:{listening.getsockname()[1]}"))
        )
        yield connected
        connected.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Invalid),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Expired),
        (415, Invalid),
        (422, Invalid),
        (429, Throttled),
        (500, ServerError),
        (502, ServerError),
        (503, Throttled),
        (504, ServerError),
    ],
)
def test_each_status_is_its_error_and_is_asked_for_once(
    cluster: Cluster, faults: Faults, status: int, error: type[RunmendError]
) -> None:
    faults.add("PATCH", WEB, times=9, status=status, reason="because", headers={"Retry-After": "1"})

    with pytest.raises(error) as raised:
        cluster.patch("Deployment", "shop", "web", [])

    assert type(raised.value) is error
    assert str(raised.value) == f"PATCH deployments shop/web: {status}: because"
    assert len(faults.requests) == (2 if status == 401 else 1)  # credentials that were refused are read anew


@every_request
@pytest.mark.parametrize("status", [429, 500])
def test_no_request_is_repeated_by_the_client_itself(
    cluster: Cluster, faults: Faults, ask: Callable[[Cluster], object], status: int
) -> None:
    for method in ("GET", "PATCH", "POST"):
        faults.add(method, "/", times=9, status=status, headers={"Retry-After": "1"})

    with pytest.raises(TemporaryError):
        ask(cluster)

    assert len(faults.requests) == 1


@pytest.mark.parametrize(("method", "ask"), [("GET", EVERY_REQUEST["deployment"]), ("PATCH", EVERY_REQUEST["patch"])])
def test_a_lost_answer_is_unreachable_and_not_asked_for_again(
    cluster: Cluster, faults: Faults, method: str, ask: Callable[[Cluster], object]
) -> None:
    faults.add(method, WEB, times=9, lose_answer=True)

    with pytest.raises(Unreachable, match=rf"^the API server at {cluster.host} did not answer: "):
        ask(cluster)

    assert len(faults.requests) == 1


def test_an_event_is_sent_as_json_under_our_name_and_waits_no_longer_than_it_may(
    silent: Cluster, cluster: Cluster, faults: Faults
) -> None:
    with pytest.raises(NotFound):
        cluster.create_event("shop", {"message": "a → b"}, seconds=5)

    (request,) = faults.requests
    assert (request.method, request.path, request.query) == (
        "POST",
        "/api/v1/namespaces/shop/events",
        "fieldManager=runmend",
    )
    assert json.loads(request.body) == {"message": "a → b"}
    began = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        silent.create_event("shop", {}, seconds=0.2)
    assert 0.2 <= time.monotonic() - began < requests.REQUEST_SECONDS[0]


@pytest.mark.parametrize(
    ("reason", "error"), [("AlreadyExists", AlreadyExists), ("Conflict", Conflict), (None, Conflict)]
)
def test_a_409_says_in_its_reason_whether_it_is_a_conflict(reason: str | None, error: type[RunmendError]) -> None:
    body = {"message": "because"} | ({"reason": reason} if reason else {})

    assert type(error_for(409, body, None, "POST events shop")) is error


def test_nothing_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(Unreachable, match=r"did not answer: .*refused"):
        Cluster(Connection(lambda: api.Configuration(host=f"http://127.0.0.1:{port}"))).version()


@every_request
def test_every_request_has_a_timeout(
    silent: Cluster, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Cluster], object]
) -> None:
    monkeypatch.setattr(requests, "REQUEST_SECONDS", (0.05, 0.05))
    monkeypatch.setattr(requests, "WRITE_SECONDS", (0.05, 0.05))

    with pytest.raises(Unreachable, match="timed out"):
        ask(silent)


def test_a_write_that_is_not_answered_is_said_to_wait_for_admission(
    silent: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "REQUEST_SECONDS", (0.05, 0.05))
    monkeypatch.setattr(requests, "WRITE_SECONDS", (0.05, 0.2))

    with pytest.raises(Unreachable, match=r"timed out.*; before a write it waits for admission webhooks") as given_up:
        silent.patch("Deployment", "shop", "web", [])
    assert given_up.value.reason == "a write was not answered in time"
    with pytest.raises(Unreachable, match=r"timed out") as read:
        silent.deployment("shop", "web")
    assert "admission" not in str(read.value)


def test_a_write_is_waited_for_longer_than_the_api_server_works_on_it_and_fits_into_a_steps_try() -> None:
    """34 seconds: 30 for the slowest webhook that it allows, and 4 (`requestTimeoutUpperBound` of its handlers)."""
    connect, read = requests.WRITE_SECONDS
    reads = 3 * sum(requests.REQUEST_SECONDS)

    assert read > 34
    assert reads + connect + read + PATIENCE_SECONDS <= CHANGING_SECONDS
    assert connect + read < GRACE.total_seconds() < END_SECONDS
    assert sum(requests.REQUEST_SECONDS) < READING_SECONDS


@pytest.mark.parametrize(
    ("status", "said", "error", "reason"),
    [
        (403, 'admission webhook "w.test" denied the request: no', Forbidden, "refused: admission webhook"),
        (
            422,
            "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            Invalid,
            "refused: admission policy",
        ),
        (500, 'Internal error occurred: failed calling webhook "w.test"', ServerError, "refused: admission webhook"),
        (403, 'User "u" cannot patch resource "deployments"', Forbidden, "forbidden"),
        (500, "etcd is away", ServerError, "the API server failed"),
        (
            504,
            "Timeout: request did not complete within requested timeout - context deadline exceeded",
            ServerError,
            "a write took too long",
        ),
    ],
)
def test_who_refused_a_write_is_told_where_the_answer_says_it(
    status: int, said: str, error: type[RunmendError], reason: str
) -> None:
    found = error_for(status, {"message": said}, None, "PATCH deployments shop/web")

    assert type(found) is error
    assert found.reason == reason
    assert said in str(found)
    assert ("it waits for admission webhooks" in str(found)) == (status == 504)


@pytest.mark.parametrize(
    ("header", "delay"),
    [
        ("7", timedelta(seconds=7)),
        ("86400", timedelta(seconds=60)),
        (None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-3", None),
        ("٣", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_delay_that_the_server_asks_for_is_kept_up_to_a_minute(
    status: int, header: str | None, delay: timedelta | None
) -> None:
    error = error_for(status, None, header, "GET shop")

    assert isinstance(error, TemporaryError)
    assert error.delay == delay


def test_a_503_that_does_not_say_for_how_long_is_a_servers_error() -> None:
    assert type(error_for(503, None, None, "GET shop")) is ServerError
    assert type(error_for(429, None, None, "GET shop")) is Throttled


def test_the_delay_comes_through_a_real_answer(cluster: Cluster, faults: Faults) -> None:
    faults.add("GET", "/pods", status=429, headers={"Retry-After": "3"})

    with pytest.raises(Throttled) as raised:
        cluster.pods("shop")

    assert raised.value.delay == timedelta(seconds=3)


def test_long_texts_are_cut_to_one_line(cluster: Cluster, faults: Faults) -> None:
    faults.add("GET", "/pods", status=422, reason="line\n" * 4000)

    with pytest.raises(Invalid) as raised:
        cluster.pods("shop")

    assert len(str(raised.value)) < 600
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith("…")
    assert cut("a  b\n\tc") == "a b c"


def test_an_answer_without_a_readable_body_still_names_the_request() -> None:
    assert str(error_for(500, None, None, "GET shop")) == "GET shop: 500"
    assert str(error_for(403, {"message": None}, None, "GET shop/web")) == "GET shop/web: 403"


@pytest.mark.parametrize(
    "name", ["../secrets/x", "a/b", "a?dryRun=All", "a#b", "a%2Fb", "a b", "w\u0435b", "a;b", "a\nb"]
)
def test_a_hostile_name_stays_one_segment_of_the_path(cluster: Cluster, faults: Faults, name: str) -> None:
    with pytest.raises((NotFound, Invalid)):
        cluster.deployment("shop", name)

    for request in faults.requests:
        assert request.path == f"/apis/apps/v1/namespaces/shop/deployments/{name}"
        assert request.query == ""


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_be_another_path_is_refused_before_anything_is_sent(
    cluster: Cluster, faults: Faults, name: str
) -> None:
    with pytest.raises(Invalid, match="is not a name"):
        cluster.pods(name)
    with pytest.raises(Invalid, match="is not a name"):
        cluster.deployment("shop", name)

    assert faults.requests == []


def test_a_field_selector_is_one_value_of_the_query(cluster: Cluster, faults: Faults) -> None:
    with pytest.raises(Invalid, match="unescaped character in value"):
        cluster.events("default", "involvedObject.name=a&limit=1#x")

    (request,) = faults.requests
    assert request.query == "fieldSelector=involvedObject.name%3Da%26limit%3D1%23x&limit=500"


def test_a_patch_says_who_writes_and_only_a_dry_run_says_that_it_is_one(cluster: Cluster, faults: Faults) -> None:
    for dry_run in (False, True):
        with pytest.raises(NotFound):
            cluster.patch("Deployment", "shop", "web", [], dry_run=dry_run)

    assert [request.query for request in faults.requests] == ["fieldManager=runmend", "fieldManager=runmend&dryRun=All"]


def test_an_answer_that_is_no_json_object_is_the_servers_fault(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "parsed", lambda _: None)

    with pytest.raises(ServerError, match="something that is not a JSON object"):
        cluster.version()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "not: [yaml",
        "apiVersion: v1\nkind: Config\n",
        "clusters: 5",
        "contexts: [5]",
        "users: [{}]",
        b"\xff\xfe",
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_not_configured(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "kubeconfig"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(NotConfigured, match=f"kubeconfig {tmp_path}.* cannot be"):
        Cluster.connect(kubeconfig=path)


def test_a_missing_kubeconfig_is_not_configured(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=f"kubeconfig {tmp_path}.* cannot be"):
        Cluster.connect(kubeconfig=tmp_path / "none")


def test_an_unknown_context_is_not_configured(served: tuple[Sandbox, Faults], tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="nowhere"):
        Cluster.connect(kubeconfig=served[0].write_kubeconfig(tmp_path / "kubeconfig"), context="nowhere")


def test_without_a_kubeconfig_and_outside_a_pod_both_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(NotConfigured, match=r"^no cluster: .*; and not in a pod: "):
        Cluster.connect()


def test_connecting_sends_nothing(faults: Faults, cluster: Cluster) -> None:
    assert cluster.host.startswith("http://127.0.0.1:")
    assert faults.requests == []


def test_a_wrong_token_is_forbidden(served: tuple[Sandbox, Faults]) -> None:
    stranger = Connection(lambda: api.Configuration(host=served[0].url))

    with pytest.raises(Forbidden):
        Cluster(stranger).pods("shop")
