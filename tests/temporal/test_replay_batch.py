"""What failed in an outage is resumed together, a few at a time; a batch that was killed and is started again resumes
none twice."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from runmend.alerts.alert import Target
from runmend.core.outcomes import Outcome
from runmend.runs.replaying import batch
from runmend.runs.replaying.again import start_again
from runmend.runs.replaying.batch import Candidate, candidates, resume_all
from runmend.runs.replaying.points import Point
from runmend.runs.replaying.reading import Past
from runmend.runs.replaying.resuming import resume
from runmend.runs.visibility import FAILED, Wanted
from tests.builders import FALLBACK, GOOD, a_deployment, an_alert
from tests.temporal.replays import Handle, closed, past_of, point_of, resumed, runs_of, short
from tests.temporal.support import ROOT
from tests.world import PATIENCE, World, a_worker

WANTED = Wanted(outcomes=(FAILED,))
HOUR = timedelta(hours=1)


def target_of(world: World, name: str) -> Target:
    return world.target.model_copy(update={"name": name})


async def failed(world: World, *names: str, window: int = 1) -> dict[str, Handle]:
    """Runs of as many Deployments that failed in an outage, which is over; and that the visibility store knows."""
    for name in names:
        world.create("/apis/apps/v1/namespaces/shop/deployments", a_deployment(name, replicas=1))
    await world.until_broken(count=len(names))
    world.faults.add("PATCH", "deployments/", times=1000, status=503)
    plan = short(world.plan, window=window)
    pods = {pod.name.rpartition("-")[0].rpartition("-")[0]: pod for pod in world.pods()}
    handles = {
        name: await world.start((an_alert(pods[name]),), plan=plan, target=target_of(world, name)) for name in names
    }
    for handle in handles.values():
        assert (await world.failed(handle)).kind == "StepFailed"
    world.faults.clear()
    await known(world, len(names))
    return handles


async def known(world: World, count: int) -> list[Candidate]:
    """The candidates, once the visibility store knows of so many failed runs."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while len(found := await candidates(world.env.client, world.settings, WANTED, datetime.now(UTC) - HOUR)) < count:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.1)
    return found


def chosen(found: Iterable[Candidate]) -> list[Candidate]:
    return [each for each in found if each.point]


def most_at_once(runs: Iterable[WorkflowExecution]) -> int:
    """How many of some closed runs were open at once at most."""
    moments = [(run.start_time, 1) for run in runs] + [
        (run.close_time or datetime.max.replace(tzinfo=UTC), -1) for run in runs
    ]
    open_, most = 0, 0
    for _, step in sorted(moments):
        open_ += step
        most = max(most, open_)
    return most


async def test_at_most_so_many_are_open_at_once_and_all_of_them_are_told(world: World) -> None:
    told: list[str] = []
    async with a_worker(world):
        handles = await failed(world, "a", "b", "c", "d", "e")
        await ended_since_its_middle(world, handles["a"])
        tally = await resume_all(world.env.client, chosen(await known(world, 5)), 2, told.append)

    successors = [await world.env.client.get_workflow_handle(handle.id).describe() for handle in handles.values()]
    assert most_at_once(successors) == 2
    assert (tally.words, tally.all_completed) == ("5 resumed (5 resolved), 0 not resumed", True)
    assert [world.images(name) for name in handles] == [{"app": FALLBACK}] * 5
    assert sum(": resumed at patch_image (" in line for line in told) == 5
    assert sum(": resolved: changed container app: " in line for line in told) == 5


async def ended_since_its_middle(world: World, handle: Handle) -> None:
    """A run is a candidate by when it ended, not by when it started."""
    described = await handle.describe()
    assert described.close_time
    middle = described.start_time + (described.close_time - described.start_time) / 2
    found = {
        since: {each.row.workflow_id for each in await candidates(world.env.client, world.settings, WANTED, since)}
        for since in (middle, described.close_time + timedelta(milliseconds=1))
    }
    assert [handle.id in names for names in found.values()] == [True, False]


async def test_which_failed_runs_are_resumed_and_which_are_not_is_told_with_the_reason(world: World) -> None:
    async with a_worker(world):
        handles = await failed(world, "again", "anew", "done", "fresh", "reverted", "terminated")
        world.faults.add("PATCH", "deployments/again", times=1000, status=503)
        second = await resumed(world, handles["again"])
        await world.failed(second)
        world.faults.add("PATCH", "deployments/anew", times=1000, status=503)
        past = await past_of(world, handles["anew"])
        anew = await start_again(world.env.client, world.settings, past, past.given.plan)
        await world.failed(world.env.client.get_workflow_handle(past.workflow_id, run_id=anew))
        later = await world.start((an_alert("done-1"),), plan=short(world.plan), target=target_of(world, "done"))
        await world.completed(later)
        await back(world, "reverted")
        await world.start(
            (an_alert("terminated-1"),), plan=short(world.plan, window=60), target=target_of(world, "terminated")
        )
        await world.env.client.get_workflow_handle(handles["terminated"].id).terminate()

    found = await known(world, 9)

    assert [(each.row.run_id, each.point) for each in chosen(found)] == [
        (handles["fresh"].run_id, await point_of(world, handles["fresh"]))
    ]
    why = {each.row.run_id: each.why_not for each in found}
    assert why[handles["again"].run_id or ""] == f"not its target's latest run, which is {second.run_id} (closed)"
    assert why[second.run_id or ""] == why[anew] == "itself a replay; name it to resume it once more"
    assert why[handles["done"].run_id or ""] == f"not its target's latest run, which is {later.run_id} (closed)"
    assert sum("ended Reverted" in reason for reason in why.values()) == 1


async def test_only_what_is_asked_for_is_listed(world: World) -> None:
    async with a_worker(world):
        handles = await failed(world, "cart", "pay")
    client, settings, since = world.env.client, world.settings, datetime.now(UTC) - HOUR

    async def ids(wanted: Wanted, since: datetime) -> set[str | None]:
        return {each.row.run_id for each in await candidates(client, settings, wanted, since)}

    assert await ids(WANTED, since) == {handles["cart"].run_id, handles["pay"].run_id}
    assert await ids(Wanted(outcomes=(FAILED,), target="shop/cart"), since) == {handles["cart"].run_id}
    assert await ids(Wanted(outcomes=(FAILED,), runbook="RB_OTHER"), since) == set()
    assert await ids(WANTED, datetime.now(UTC)) == set()


async def test_a_run_that_failed_again_and_one_that_is_no_longer_the_latest_are_counted(world: World) -> None:
    told: list[str] = []
    async with a_worker(world):
        handles = await failed(world, "bad", "late", "well")
        found = chosen(await known(world, 3))
        world.faults.add("PATCH", "deployments/bad", times=1000, status=503)
        later = await world.start((an_alert("late-1"),), plan=short(world.plan), target=target_of(world, "late"))
        await closed(later)
        tally = await resume_all(world.env.client, found, 5, told.append)

    assert (tally.words, tally.all_completed) == ("2 resumed (1 StepFailed, 1 resolved), 1 not resumed", False)
    assert f"shop/late: not resumed: {handles['late'].id}@{handles['late'].run_id} is not the latest run" in "\n".join(
        told
    )


async def test_a_refusal_of_temporal_ends_no_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_worker(world):
        await failed(world, "a", "b")
        found = chosen(await known(world, 2))
        told: list[str] = []

        async def refused_once(client: Client, past: Past, point: Point) -> str:
            if not told:
                raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")
            return await resume(client, past, point)

        monkeypatch.setattr(batch, "resume", refused_once)
        tally = await resume_all(world.env.client, found, 1, told.append)

    assert told[0].endswith(": not resumed: Temporal says PERMISSION_DENIED: Request unauthorized.")
    assert tally.words == "1 resumed (1 resolved), 1 not resumed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (signal.SIGKILL, -signal.SIGKILL, ""),
        (signal.SIGINT, 130, "what was resumed goes on; the same command resumes the rest, and none twice\n"),
    ],
    ids=["killed", "interrupted"],
)
async def test_a_batch_that_is_ended_in_its_middle_and_started_again_resumes_each_run_once(
    world: World, number: signal.Signals, code: int, says: str
) -> None:
    names = ("a", "b", "c", "d")
    client = world.env.client
    async with a_worker(world):
        handles = await failed(world, *names, window=3)
        first = await started(world, "--at-once", "1")  # twelve seconds of windows, so its end cannot come first
        assert first.stdout
        while b"resumed at" not in (line := await asyncio.wait_for(first.stdout.readline(), PATIENCE)):
            assert line, "the batch ended before it resumed anything"
        first.send_signal(number)
        _, errors = await asyncio.wait_for(first.communicate(), PATIENCE)
        assert (first.returncode, errors.decode()) == (code, says)
        before = sum([len(await runs_of(client, handle.id, 1)) - 1 for handle in handles.values()])

        second = await started(world, "--at-once", "4")
        said, errors = await asyncio.wait_for(second.communicate(), 60)
        ends = [await world.end(client.get_workflow_handle(handle.id)) for handle in handles.values()]

    counts = [len(await runs_of(client, handle.id, 2)) - 1 for handle in handles.values()]
    assert (second.returncode, errors) == (0, b"")
    assert 1 <= before < len(names), "the batch was killed in its middle"
    assert counts == [1] * len(names)
    assert said.count(b": resumed at patch_image") == len(names) - before
    assert (
        said.decode().splitlines()[-1]
        == f"{_runs(len(names) - before)}: {len(names) - before} resumed ({len(names) - before} resolved), 0 "
        "not resumed"
    )
    assert {end.outcome for end in ends if not hasattr(end, "kind")} == {Outcome.RESOLVED}


def _runs(number: int) -> str:
    return f"{number} failed run{'' if number == 1 else 's'}"


async def started(world: World, *options: str) -> asyncio.subprocess.Process:
    """`runmend replay --failed --yes` as a process."""
    env = {
        "PATH": os.environ["PATH"],
        "TEMPORAL_ADDRESS": world.env.client.service_client.config.target_host,
        "RUNMEND_CLUSTER": world.settings.cluster,
        "HOME": str(ROOT),
    }
    argv = [sys.executable, "-m", "runmend.cli", "replay", "--failed", "--yes", *options]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env=env, stdout=pipe, stderr=pipe)


async def back(world: World, name: str) -> None:
    """A run on a Deployment whose change a person puts back."""
    pod = next(pod for pod in world.pods() if pod.name.startswith(name))
    handle = await world.start((an_alert(pod),), plan=short(world.plan, window=2), target=target_of(world, name))
    await world.window(handle)
    world.set_image("app", GOOD, name=name)
    assert (await world.failed(handle)).kind == "Reverted"
