"""The bridge is killed while it takes a webhook on a real cluster: Alertmanager sends the webhook again, and each
target gets one run.

No worker runs until the webhook has come again, or the pods that it is about could be gone by then.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.cluster.api import Json
from tests.cluster.control_plane import ControlPlane
from tests.e2e.bearing import ONCE, borne, pass_windows
from tests.e2e.installation import Installation
from tests.e2e.proxy import Proxy
from tests.e2e.shop import PATIENCE, Shop, firing

# The installation's worker has registered the search attributes, without which no bridge can start a run.
pytestmark = [pytest.mark.timeout(400), pytest.mark.usefixtures("installation")]
Shops = Callable[[], Shop]
Sender = Callable[[Json], Future[httpx.Response]]


@pytest.fixture
def send(own: Installation) -> Iterator[Sender]:
    """Posts a webhook without waiting for the answer."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        yield lambda webhook: threads.submit(own.post, webhook)


async def test_a_bridge_that_is_killed_before_it_starts_a_run_is_sent_the_webhook_again(
    built: ControlPlane, proxy: Proxy, own: Installation, shops: Shops, send: Sender
) -> None:
    own.start_bridge()
    shop = shops()
    webhook = firing(shop.deploy(replicas=2))
    owners = proxy.hold("GET", shop.name, "pods")

    sent = send(webhook)
    await owners.reached()
    own.kill("bridge")
    owners.drop()
    with pytest.raises(httpx.TransportError):
        sent.result(PATIENCE)
    assert not await _there(shop)
    own.start_bridge()

    assert own.answers(webhook) == ["started", "started"]
    assert own.answers(webhook) == ["known", "known"]
    own.start_worker()
    await pass_windows(shop)
    assert await borne(built, {"killed": shop}) == {"killed": ONCE}


async def test_a_bridge_that_is_killed_after_it_started_a_run_knows_the_webhook_when_it_comes_again(
    built: ControlPlane, proxy: Proxy, own: Installation, shops: Shops, send: Sender
) -> None:
    own.start_bridge()
    started, waiting = shops(), shops()
    # One webhook, whose answer waits for the second shop's owners while the first one's run has been started.
    webhook = firing([*started.deploy(replicas=1), *waiting.deploy(replicas=1)])
    owners = proxy.hold("GET", waiting.name, "pods")

    sent = send(webhook)
    await owners.reached()
    await _begun(started)
    assert not sent.done()
    own.kill("bridge")
    owners.drop()
    with pytest.raises(httpx.TransportError):
        sent.result(PATIENCE)
    assert not await _there(waiting)
    own.start_bridge()

    assert own.answers(webhook) == ["known", "started"]
    own.start_worker()
    await pass_windows(started, waiting)
    assert await borne(built, {"started": started, "waiting": waiting}) == {"started": ONCE, "waiting": ONCE}


async def _there(shop: Shop) -> bool:
    """Whether a run has been started for a shop's Deployment."""
    try:
        await shop.run().describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _begun(shop: Shop) -> None:
    """Wait until a run has been started for a shop's Deployment."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        if await _there(shop):
            return
        assert asyncio.get_running_loop().time() < deadline, "no run"
        await asyncio.sleep(0.05)
