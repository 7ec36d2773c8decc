"""Workers are killed and paused in the middle of runs on a real cluster: nothing is lost, and nothing is done twice."""

from collections.abc import Callable

import pytest

from tests.cluster.api import eventually
from tests.cluster.control_plane import ControlPlane
from tests.e2e import bearing
from tests.e2e.bearing import (
    CHECKED,
    FOUND,
    MOMENTS,
    ONCE,
    Borne,
    Moment,
    borne,
    bring,
    pass_windows,
    reach_windows,
    writes,
)
from tests.e2e.installation import Installation
from tests.e2e.proxy import Proxy
from tests.e2e.shop import Shop

pytestmark = pytest.mark.timeout(400)
Shops = Callable[[], Shop]
LATE = Borne("resolved", recovered=False, writes=(200, 409), runs=1)
"""A second patch came when the first had been made, and was refused: it names the version that it rests on."""


async def test_runs_whose_worker_is_killed_at_any_moment_resolve_with_another_and_patch_once(
    built: ControlPlane, proxy: Proxy, own: Installation, shops: Shops
) -> None:
    own.start_worker()
    own.start_bridge()
    moments: dict[str, Moment] = {**MOMENTS, "at the window's end": bearing.during_the_window}
    runs = {name: shops() for name in moments}
    holds = await bring(proxy, runs, moments)

    own.kill("worker")
    for hold in holds.values():
        hold.drop()
    await pass_windows(runs["at the window's end"])
    own.start_worker()
    await pass_windows(*(runs[name] for name in MOMENTS if name != CHECKED))

    assert await borne(built, runs) == dict.fromkeys(moments, ONCE) | {"after the patch": FOUND}


async def test_a_worker_that_is_paused_in_a_patch_for_longer_than_its_try_and_continued_adds_nothing(
    built: ControlPlane, proxy: Proxy, own: Installation, shops: Shops
) -> None:
    own.start_worker("first")
    own.start_bridge()
    moments: dict[str, Moment] = {
        "read, not sent": bearing.read_for_the_patch,
        "sent, not arrived": bearing.before_the_patch,
        "written, not answered": bearing.after_the_patch,
    }
    runs = {name: shops() for name in moments}
    holds = await bring(proxy, runs, moments)

    own.pause("first")
    # It finds these answers when it goes on; its request goes on then, too.
    holds["read, not sent"].release()
    holds["written, not answered"].release()
    holds["sent, not arrived"].let_others_pass()
    own.start_worker("second")
    await reach_windows(*runs.values())
    assert {name: writes(built, shop) for name, shop in runs.items()} == dict.fromkeys(moments, (200,))
    own.resume("first")
    holds["sent, not arrived"].release()
    # A try whose time is over is cancelled in its worker too, so what was read may or may not lead to a request; what
    # was sent arrives.
    eventually(lambda: len(writes(built, runs["sent, not arrived"])) > 1)
    read = runs["read, not sent"]
    eventually(lambda: len(writes(built, read)) > 1 or _gave_up(own.log("first"), own.workflow_id(read.name)))
    own.kill("second")
    await pass_windows(*runs.values())

    ended = await borne(built, runs)
    assert ended.pop("read, not sent") in (ONCE, LATE)
    assert ended == {"sent, not arrived": LATE, "written, not answered": FOUND}


def _gave_up(log: str, workflow_id: str) -> bool:
    """Whether a worker has said that an activity of a run failed."""
    return any("Completing activity as failed" in line and workflow_id in line for line in log.splitlines())
