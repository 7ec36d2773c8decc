"""The API server is stopped, paused, and asks to slow down, in the middle of runs: they resolve, and each patch is made
once."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tests.cluster.api import Cluster, a_pod, eventually
from tests.cluster.control_plane import NODES, ControlPlane
from tests.e2e.bearing import CHECKED, FOUND, MOMENTS, ONCE, SETTLE, borne, bring, pass_windows
from tests.e2e.installation import Installation
from tests.e2e.proxy import Proxy
from tests.e2e.shop import GOOD, Shop, firing
from tests.runs import WINDOW

pytestmark = pytest.mark.timeout(400)
Shops = Callable[[], Shop]
OUTAGES = {
    "stopped": (ControlPlane.stop_api, ControlPlane.start_api, 30),
    "paused": (ControlPlane.pause_api, ControlPlane.resume_api, 20),
}
EACH_NODE = tuple(f"node-{number}" for number in range(NODES))


@contextmanager
def _outage(plane: ControlPlane, how: str) -> Iterator[float]:
    """Stop or pause the API server for the block; gives for how many seconds at least."""
    begin, end, seconds = OUTAGES[how]
    begin(plane)
    try:
        yield seconds
    finally:
        end(plane)


@contextmanager
def _no_controllers(plane: ControlPlane) -> Iterator[None]:
    """Nothing replaces pods in the block, so that settle has to wait."""
    plane.stop_controllers()
    try:
        yield
    finally:
        plane.start_controllers()


@pytest.fixture
def recovers(built: ControlPlane, real: Cluster) -> Iterator[None]:
    """Leaves the cluster with each node ready and at work."""
    yield
    with real.namespace() as namespace:
        for node in EACH_NODE:
            pod = a_pod(node, GOOD)
            pod["spec"]["nodeName"] = node
            namespace.create("pods", pod)
        eventually(lambda: all(pod["status"]["phase"] == "Running" for pod in namespace.items("pods")))
    eventually(lambda: all(built.node_is_ready(name) for name in EACH_NODE))


@pytest.mark.usefixtures("recovers")
@pytest.mark.parametrize("how", OUTAGES)
async def test_runs_and_the_bridge_outlast_an_outage_of_the_api_server(
    how: str, built: ControlPlane, proxy: Proxy, own: Installation, shops: Shops, shop: Shop
) -> None:
    own.start_worker()
    # As the shop's worker, it feels the outage without the proxy between.
    own.start_bridge(KUBECONFIG=str(shop.installation.accounts["bridge"]))
    runs = {name: shops() for name in MOMENTS}
    holds = await bring(proxy, runs)
    untold = shops()
    webhook = firing(untold.deploy(replicas=1))
    broken = shop.deploy()
    with _no_controllers(built):
        shop.start(broken)
        await shop.until(SETTLE)
        with _outage(built, how) as seconds:
            for hold in holds.values():
                # What was answered is lost with the server; what was not asked yet asks a server that does not answer.
                if hold.answered:
                    hold.drop()
                else:
                    hold.release()
            refused, _ = await asyncio.gather(asyncio.to_thread(own.post, webhook), asyncio.sleep(seconds))
    assert (refused.status_code, [alert["answer"] for alert in refused.json()["alerts"]]) == (503, ["failed"])
    assert int(refused.headers["Retry-After"]) > 0

    assert own.answers(webhook) == ["started"]
    runs |= {"unknown to the bridge": untold, "during settle, without a proxy": shop}
    await pass_windows(*(each for name, each in runs.items() if name != CHECKED))
    ended = await borne(built, runs)
    # A paused server does later what it was asked, when it has been asked again.
    assert ended.pop("before the patch").patched_once
    assert ended.pop("after the patch") == FOUND
    assert ended == dict.fromkeys(ended, ONCE)


async def test_an_api_server_that_asks_to_slow_down_is_asked_again_when_it_said(
    built: ControlPlane, proxy: Proxy, own: Installation, shops: Shops
) -> None:
    own.start_worker()
    own.start_bridge()
    shop = shops()
    webhook = firing(shop.deploy(replicas=1))

    proxy.refuse("GET", shop.name, retry_after=7)
    refused = own.post(webhook)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "7")
    looks = proxy.refuse("GET", shop.name, "deployments/web", times=2, retry_after=2)
    patches = proxy.refuse("PATCH", shop.name, "deployments/web", times=2, retry_after=4)
    assert own.answers(webhook) == ["started"]
    await shop.until(WINDOW)
    checks = proxy.refuse("GET", shop.name, "deployments/web", times=2, retry_after=3)
    await pass_windows(shop)

    assert await borne(built, {"refused": shop}) == {"refused": ONCE}
    assert (looks.times, patches.times, checks.times) == (0, 0, 0)
    # Nobody asks again before the time is over, however slow this machine is. After the window the run's clock is not
    # the machine's.
    for refusal in (looks, patches):
        asked = [when for when in proxy.times_of(refusal) if when >= refusal.seen[0]][:3]
        assert all(later - earlier >= refusal.retry_after for earlier, later in pairwise(asked)), (refusal, asked)
