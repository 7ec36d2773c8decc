"""Telling of a run on its target: tried again where nobody knows whether it was written, for seconds only, and never a
run's failure."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from kubernetes import client as api

from runmend.alerts.alert import Target
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.sandbox import Sandbox
from runmend.reports import target_events
from runmend.reports.target_events import Announcement, Author, Fact, announce
from tests.cluster.api import Json
from tests.faults import Faults
from tests.loopback import client_of

EVENTS = "/api/v1/namespaces/shop/events"
TOLD = Announcement(
    fact=Fact.CHANGED,
    target=Target(cluster="test", namespace="shop", kind="Deployment", name="web"),
    uid="uid-1",
    words="changed it",
    author=Author(runbook="RB_IMAGEPULL", workflow="test/shop/Deployment/web", run="r-1"),
    step="02-patch_image",
)
REMARK = "the event RemediationApplied was not written on Deployment shop/web: "


class Shop:
    """A namespace of a sandbox with faults in front, and Runmend's connection to it."""

    def __init__(self, cluster: Cluster, faults: Faults, http: httpx.Client) -> None:
        self.cluster = cluster
        self.faults = faults
        self._http = http

    def events(self) -> list[Json]:
        items: list[Json] = self._http.get(EVENTS).json()["items"]
        return items

    @property
    def tries(self) -> int:
        return len(self.faults.sent("POST", EVENTS))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    faults = Faults()
    with (
        Sandbox(wrap=faults.wrap) as sandbox,
        client_of(sandbox) as http,
    ):
        http.post("/api/v1/namespaces", json={"metadata": {"name": "shop"}}).raise_for_status()
        with closing(Cluster.connect(kubeconfig=sandbox.write_kubeconfig(tmp_path / "kubeconfig"))) as cluster:
            yield Shop(cluster, faults, http)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What was logged: level and message."""
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "runmend.changes"]


def test_what_is_told_twice_is_one_event_and_one_line_in_the_log(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "runmend.changes"):
        assert announce(shop.cluster, TOLD) == ""
        assert announce(shop.cluster, TOLD) == ""

    (event,) = shop.events()
    assert (event["metadata"]["name"], event["count"]) == (TOLD.name, 1)
    assert lines(caplog) == [("INFO", "event created")]
    known = vars(caplog.records[0])
    assert (known["object"], known["event"], known["reason"]) == (
        "Deployment shop/web",
        TOLD.name,
        "RemediationApplied",
    )


@pytest.mark.parametrize("what", [{"lose_answer": True}, {"status": 500}, {"status": 503}], ids=str)
def test_an_answer_that_does_not_say_is_asked_for_once_more(shop: Shop, what: Json) -> None:
    shop.faults.add("POST", EVENTS, **what)

    assert announce(shop.cluster, TOLD) == ""

    assert (shop.tries, len(shop.events())) == (2, 1)


def test_an_api_server_that_goes_on_failing_is_asked_twice_and_named(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.faults.add("POST", EVENTS, times=9, status=500, reason="etcd is not there")

    assert announce(shop.cluster, TOLD) == f"{REMARK}POST events shop: 500: etcd is not there"

    assert shop.tries == 2
    assert lines(caplog) == [("WARNING", "event not created")]
    assert vars(caplog.records[0])["why"] == "POST events shop: 500: etcd is not there"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429])
def test_a_refusal_is_a_remark_and_not_asked_for_again(shop: Shop, status: int) -> None:
    shop.faults.add("POST", EVENTS, times=9, status=status, reason="because", headers={"Retry-After": "1"})

    assert announce(shop.cluster, TOLD) == f"{REMARK}POST events shop: {status}: because"

    assert (shop.tries, shop.events()) == (1, [])


@pytest.mark.parametrize(
    ("given", "patience"), [(0.2, 5.0), (60.0, 0.2)], ids=["what the caller has", "what is worth it"]
)
def test_an_api_server_that_does_not_answer_is_waited_for_no_longer_than(
    given: float, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_events, "PATIENCE_SECONDS", patience)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        silent = Cluster(Connection(lambda: api.Configuration(host=f"http://127.0.0.1:{listening.getsockname()[1]}")))
        began = time.monotonic()
        remark = announce(silent, TOLD, given)
        took = time.monotonic() - began
        silent.close()

    assert remark.startswith(f"{REMARK}the API server at {silent.host} did not answer: ")
    assert 0.2 <= took < 2


@pytest.mark.parametrize("seconds", [0.0, -3.0])
def test_without_time_nothing_is_sent(shop: Shop, seconds: float) -> None:
    assert announce(shop.cluster, TOLD, seconds) == f"{REMARK}there was no time left for it"

    assert (shop.tries, shop.events()) == (0, [])
