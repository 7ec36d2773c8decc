"""How faults were borne: what a run came to, and, by the audit log, what was written for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.cluster.control_plane import ControlPlane
from tests.e2e.proxy import Hold, Proxy
from tests.e2e.shop import FALLBACK, Pod, Shop
from tests.runs import WINDOW, phases, until

PATIENCE = 200.0
"""Seconds to wait for a run to go on. Two tries of an activity can be lost, 30 seconds each, to a worker that is
paused; and a kubelet may look for new pods a minute after the API server is back, because it asks ever more seldom."""
PATCH = "patch_image"
SETTLE = "runmend.settle"
READ_BEFORE = 3
"""How often a run's ReplicaSets are listed before the patch lists them: by the bridge, by observation and by the first
step."""
Moment = Callable[[Proxy, Shop, list[Pod]], Awaitable[Hold | None]]


@dataclass(frozen=True)
class Borne:
    """A run for one Deployment, after a fault.

    `recovered`: the patch was found made by a try whose word of it was lost. `writes`: what the API server answered to
    each of Runmend's requests that would change something. `runs`: how many there were for the target. `told`: the
    reasons of the events on the Deployment.
    """

    outcome: str
    recovered: bool
    writes: tuple[int, ...]
    runs: int
    told: tuple[str, ...] = ("RemediationApplied", "RemediationResolved")

    @property
    def patched_once(self) -> bool:
        """Resolved by one run and one patch; further ones may have come late, and must have been refused: a patch names
        its version."""
        once = (self.outcome, self.runs, self.writes.count(200), self.told) == ("resolved", 1, 1, ONCE.told)
        return once and set(self.writes) <= {200, 409}


ONCE = Borne("resolved", recovered=False, writes=(200,), runs=1)
"""As if nothing had been."""
FOUND = Borne("resolved", recovered=True, writes=(200,), runs=1)
"""Its patch was made, and whoever made it was not heard."""


def writes(plane: ControlPlane, shop: Shop) -> tuple[int, ...]:
    """The codes of all that Runmend would have changed in a shop's namespace: the Deployment; besides, nothing but
    events was written."""
    sent = [write for write in plane.writes(namespace=shop.name, agent="runmend") if not write.dry_run]
    found = [write for write in sent if (write.verb, write.resource) != ("create", "events")]
    assert {(write.verb, write.resource, write.name) for write in found} <= {("patch", "deployments", "web")}, found
    return tuple(write.code for write in found)


async def borne(plane: ControlPlane, shops: Mapping[str, Shop]) -> dict[str, Borne]:
    """The end of each shop's run, which must complete, with the fallback image in the Deployment."""
    found = {}
    for name, shop in shops.items():
        result = await shop.completed()
        assert shop.images() == {"app": FALLBACK}, name
        recovered = any(step.recovered for step in result.steps)
        query = f"WorkflowId = '{shop.installation.workflow_id(shop.name)}'"
        runs = (await shop.client.count_workflows(query)).count
        found[name] = Borne(result.outcome or "", recovered, writes(plane, shop), runs, tuple(shop.told()))
    return found


async def reach_windows(*shops: Shop) -> None:
    """Wait until the windows of runs have begun, which may come to them in any order, and late."""
    await asyncio.gather(*(until(shop.run(), WINDOW, PATIENCE) for shop in shops))


async def pass_windows(*shops: Shop) -> None:
    """The same, and pass them."""
    await reach_windows(*shops)
    await asyncio.gather(*(shop.pass_window() for shop in shops))


# The moments at which a run is when something happens to it. The installation works behind the proxy.


async def before_the_patch(proxy: Proxy, shop: Shop, broken: list[Pod]) -> Hold:
    """The patch has been sent, and the API server does not have it."""
    hold = proxy.hold("PATCH", shop.name)
    await asyncio.to_thread(shop.start, broken)
    await hold.reached()
    return hold


async def after_the_patch(proxy: Proxy, shop: Shop, broken: list[Pod]) -> Hold:
    """The patch is made, and its answer is on the way."""
    hold = proxy.hold_answer("PATCH", shop.name)
    await asyncio.to_thread(shop.start, broken)
    await hold.reached()
    return hold


async def read_for_the_patch(proxy: Proxy, shop: Shop, broken: list[Pod]) -> Hold:
    """All that the patch rests on has been read, and the last answer of it is on the way."""
    hold = proxy.hold_answer("GET", shop.name, "replicasets", skip=READ_BEFORE)
    await asyncio.to_thread(shop.start, broken)
    await hold.reached()
    begun, _ = await phases(shop.run())
    assert begun[-1] == PATCH, begun
    return hold


async def during_settle(proxy: Proxy, shop: Shop, broken: list[Pod]) -> Hold:
    """Settle has asked for the Deployment."""
    patch = await after_the_patch(proxy, shop, broken)
    hold = proxy.hold("GET", shop.name)
    patch.release()
    await shop.until(SETTLE)
    await hold.reached()
    return hold


async def during_the_window(_: Proxy, shop: Shop, broken: list[Pod]) -> None:
    """Nothing is asked for."""
    await asyncio.to_thread(shop.start, broken)
    await shop.until(WINDOW)


async def before_the_last_check(proxy: Proxy, shop: Shop, broken: list[Pod]) -> Hold:
    """The last check has asked for the Deployment."""
    await asyncio.to_thread(shop.start, broken)
    await shop.until(WINDOW)
    hold = proxy.hold("GET", shop.name)
    await shop.pass_window()
    await hold.reached()
    return hold


MOMENTS: Mapping[str, Moment] = {
    "before the patch": before_the_patch,
    "after the patch": after_the_patch,
    "during settle": during_settle,
    "during the window": during_the_window,
    "before the last check": before_the_last_check,
}
CHECKED = "before the last check"
"""The one whose window is over."""


async def bring(proxy: Proxy, runs: Mapping[str, Shop], moments: Mapping[str, Moment] = MOMENTS) -> dict[str, Hold]:
    """Bring a run in each shop to the moment of its name; all of them are there when this returns."""
    broken = {name: runs[name].deploy(replicas=1) for name in moments}
    holds = await asyncio.gather(*(moment(proxy, runs[name], broken[name]) for name, moment in moments.items()))
    return {name: hold for name, hold in zip(moments, holds, strict=True) if hold}
