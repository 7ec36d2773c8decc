"""Temporal's server is stopped for 30 seconds in the middle of runs, and started again on its file: they resolve, and
patch once."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import processes
from tests.e2e.bearing import CHECKED, MOMENTS, ONCE, borne, bring, pass_windows
from tests.e2e.installation import Installation, Temporal
from tests.e2e.proxy import Proxy
from tests.e2e.shop import Shop, firing

pytestmark = pytest.mark.timeout(400)
Shops = Callable[[], Shop]
STOPPED_SECONDS = 30


@pytest.fixture
def temporal(tmp_path: Path) -> Iterator[Temporal]:
    """A server that may be stopped, in the place of the one that the other tests share."""
    with processes(tmp_path) as started:
        server = Temporal(started, tmp_path)
        server.start()
        yield server


async def test_runs_and_the_bridge_outlast_a_temporal_server_that_is_stopped(
    built: ControlPlane, proxy: Proxy, own: Installation, shops: Shops, temporal: Temporal
) -> None:
    worker = own.start_worker()
    bridge = own.start_bridge()
    runs = {name: shops() for name in MOMENTS}
    holds = await bring(proxy, runs)
    untold = shops()
    webhook = firing(untold.deploy(replicas=1))

    temporal.stop()
    # The worker gets its answers, does what it was about to do, and has nobody to tell.
    for hold in holds.values():
        hold.release()
    refused, _ = await asyncio.gather(asyncio.to_thread(own.post, webhook), asyncio.sleep(STOPPED_SECONDS))
    assert (refused.status_code, [alert["answer"] for alert in refused.json()["alerts"]]) == (503, ["failed"])
    temporal.start()

    assert own.answers(webhook) == ["started"]
    runs["unknown to the bridge"] = untold
    await pass_windows(*(shop for name, shop in runs.items() if name != CHECKED))
    ended = await borne(built, runs)
    # Those two do what they do again, or find it done.
    assert all(ended.pop(name).patched_once for name in ("before the patch", "after the patch")), ended
    assert ended == dict.fromkeys(ended, ONCE)
    assert (own.processes.code(worker), own.processes.code(bridge)) == (None, None)
