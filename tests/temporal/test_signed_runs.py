"""Signed runs that are resumed, done again, and rehearsed; with keys, with others, and without."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.plan.messages import RunInput, RunResult
from runmend.plan.plan import Plan
from runmend.runs.compatibility import fit
from runmend.runs.replaying.again import start_again
from runmend.runs.replaying.batch import candidates
from runmend.runs.replaying.points import NotReplayed
from runmend.runs.replaying.reading import Past, refuse_unless_good
from runmend.runs.signing import keys_of
from runmend.runs.visibility import FAILED, Wanted
from tests.builders import FALLBACK, GOOD, MISSING
from tests.temporal.replays import broken, failed_at_its_write, past_of, resumed, short
from tests.workflow.acts import with_fallback
from tests.world import PATIENCE, World, a_worker

OLD, NEW, THEIRS = ("o" * 64, "n" * 64, "t" * 64)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return hold(tmp_path / "plan-keys", OLD)


def hold(path: Path, *keys: str) -> Path:
    """A file that holds these keys."""
    path.touch(mode=0o600)
    path.write_text("\n".join(keys))
    return path


@pytest_asyncio.fixture
async def signed(world: World, keys: Path) -> AsyncIterator[World]:
    """An installation that signs."""
    world.settings = Settings(cluster=world.settings.cluster, plan_key_file=keys)
    yield world


def unsigned(world: World) -> Settings:
    return Settings(cluster=world.settings.cluster)


async def test_a_signed_run_goes_on_after_its_runbook_was_edited_and_its_keys_were_rotated(
    signed: World, keys: Path
) -> None:
    async with a_worker(signed):
        handle = await failed_at_its_write(signed)
    signed.plan = with_fallback(signed.plan, GOOD)  # for runs that are started from now on
    hold(keys, NEW, OLD)

    async with a_worker(signed):
        refuse_unless_good(await past_of(signed, handle), keys_of(signed.settings))
        result = await signed.completed(await resumed(signed, handle))

    assert (result.outcome, signed.images()) == (Outcome.RESOLVED, {"app": FALLBACK})


async def test_without_its_key_a_worker_refuses_what_is_resumed_and_says_what_to_do(signed: World, keys: Path) -> None:
    async with a_worker(signed):
        handle = await failed_at_its_write(signed)
    hold(keys, NEW)

    with pytest.raises(NotReplayed, match=r"by none of the keys in RUNMEND_PLAN_KEY_FILE.*`--latest` starts"):
        refuse_unless_good(await past_of(signed, handle), keys_of(signed.settings))
    async with a_worker(signed):
        failed = await signed.failed(await resumed(signed, handle))

    assert failed.message.startswith("patch_image: NotSigned: the run's signature is by none of the keys")


async def test_the_history_of_a_signed_run_fits_code_that_knows_no_signatures(signed: World) -> None:
    async with a_worker(signed):
        handle = await failed_at_its_write(signed)

    assert (await fit(await handle.fetch_history())).problem is None


async def again(world: World, past: Past, settings: Settings, plan: Plan | None = None) -> Outcome | None:
    """How a run ends that is done again with these settings."""
    run_id = await start_again(world.env.client, settings, past, plan or past.given.plan)
    return (await world.completed(world.env.client.get_workflow_handle(past.workflow_id, run_id=run_id))).outcome


async def test_a_signed_run_is_done_again_by_those_who_have_keys(signed: World) -> None:
    async with a_worker(signed):
        past = await past_of(signed, await failed_at_its_write(signed))
        for plan in (past.given.plan, short(with_fallback(signed.plan, GOOD))):
            with pytest.raises(NotReplayed, match="is signed, and a new run would not be: set RUNMEND_PLAN_KEY_FILE"):
                await start_again(signed.env.client, unsigned(signed), past, plan)

        assert await again(signed, past, signed.settings) is Outcome.RESOLVED


async def test_a_plan_that_somebody_brought_is_not_signed_by_who_replays_it(signed: World, tmp_path: Path) -> None:
    mine, theirs = signed.settings, hold(tmp_path / "their-keys", THEIRS)
    for settings in (unsigned(signed), mine.model_copy(update={"plan_key_file": theirs})):
        signed.settings = settings
        async with a_worker(signed):
            handle = await failed_at_its_write(signed)
        signed.settings = mine
        past = await past_of(signed, handle)

        with pytest.raises(NotReplayed, match="is not replayed: the run"):
            await start_again(signed.env.client, mine, past, past.given.plan)
        with pytest.raises(NotReplayed, match="is not replayed: the run"):
            refuse_unless_good(past, keys_of(mine))
        signed.api.delete("/apis/apps/v1/namespaces/shop/deployments/web").raise_for_status()
        await signed.until(lambda: not signed.pods(), "nothing left")


async def test_those_that_are_not_signed_are_left_out_of_a_batch(world: World, keys: Path) -> None:
    async with a_worker(world):
        await failed_at_its_write(world)
    mine = Settings(cluster=world.settings.cluster, plan_key_file=keys)
    wanted, since = Wanted(outcomes=(FAILED,)), datetime.now(UTC) - timedelta(hours=1)

    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not (found := await candidates(world.env.client, mine, wanted, since)):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)

    (candidate,) = found
    assert "carries no signature" in candidate.why_not


@workflow.defn(dynamic=True)
class Lying:
    """Workflow code of somebody else's, which polls the installation's task queue."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> RunResult:
        given = workflow.payload_converter().from_payload(args[0].payload, RunInput)
        return RunResult.begun(given, None).model_copy(update={"outcome": Outcome.RESOLVED, "summary": "all is well"})


async def test_whoever_polls_the_task_queue_can_tell_a_lie_and_changes_nothing(signed: World) -> None:
    await broken(signed)
    queue = signed.settings.task_queue
    async with Worker(
        signed.env.client, task_queue=queue, workflows=[Lying], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        result = await signed.completed(await signed.start())

    assert (result.outcome, signed.images()) == (Outcome.RESOLVED, {"app": MISSING})
