"""Whether the bridge says in time that it is ready, whoever asks how often."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from runmend.bridge import health
from runmend.kube.client import Cluster
from tests.bridge.support import Installation


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """An API server that answers nothing; when it was asked."""
    asked: list[float] = []
    released = threading.Event()

    def version(_: Cluster) -> str:
        asked.append(time.monotonic())
        released.wait(30)
        return "late"

    monkeypatch.setattr(Cluster, "version", version)
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.2)
    yield asked
    released.set()


def versions(installed: Installation) -> int:
    return installed.requests.seen.count("/version")


async def test_many_who_ask_at_once_are_one_question_and_its_answer_is_good_for_a_second(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = await asyncio.gather(*(installed.http.get("/readyz") for _ in range(20)))
    assert {answer.json()["status"] for answer in answers} == {"ready"}
    assert (await installed.http.get("/readyz")).status_code == 200
    assert versions(installed) == 1

    monkeypatch.setattr(health, "KEPT_SECONDS", 0)
    await asyncio.sleep(1)
    await installed.http.get("/readyz")
    await installed.http.get("/readyz")

    assert versions(installed) == 3


async def test_who_does_not_answer_is_waited_for_no_longer_than_the_probe_waits(
    installed: Installation, hanging: list[float]
) -> None:
    for _ in range(3):
        began = time.monotonic()
        response = await installed.http.get("/readyz")
        assert time.monotonic() - began < 10
        assert response.status_code == 503
        assert response.json()["checks"]["kubernetes"] == {
            "ok": False,
            "detail": "the API server has not answered for 0.2 s",
        }
        assert response.json()["checks"]["temporal"]["ok"]

    assert len(hanging) == 1


def test_the_probe_waits_longer_than_the_bridge() -> None:
    assert health.PATIENCE_SECONDS < 8, "timeoutSeconds of deploy/kubernetes/base/bridge.yaml"
