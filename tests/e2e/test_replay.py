"""Failed runs are taken up again by `runmend replay`, the real command, for each way to fail; the audit log tells how
often was written."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import accumulate
from pathlib import Path

import pytest
import yaml
from temporalio.client import Client, WorkflowExecutionStatus

from runmend.core.outcomes import Outcome
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from tests.builders import SEED, a_runbook
from tests.cluster.api import Cluster, eventually
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import processes
from tests.e2e.installation import ROOT, Installation, Temporal, account
from tests.e2e.proxy import Hold, Proxy
from tests.e2e.shop import FALLBACK, GOOD, MISSING, PATIENCE, WINDOW_SECONDS, Shop
from tests.runs import WINDOW, phases

Shops = Callable[[], Shop]
FAILED, PATCHED, RESOLVED = "RemediationFailed", "RemediationApplied", "RemediationResolved"
ROLES = ROOT / "deploy/kubernetes/base/roles.yaml"
BAD, BROKEN_LOG = "registry.example/fallback:missing", "registry.example/log:missing"
AT_THE_PATCH = "patch_image: observe and get_pod_events keep their results"
# Each command is a process of its own, which takes seconds to start where four clusters share the processor.
pytestmark = pytest.mark.timeout(240)

FAULT = """
from activities import operations

def fault(*_, **__):
    raise KeyError("containers")

operations.act = fault
"""
"""A module that Python runs first: it makes of the worker one with a fault in its changing step."""


def plan_of(runbook: Path, *, settle: int = 600) -> Plan:
    """A runbook's plan whose steps are given up after seconds, and not after minutes."""
    plan = compile_runbook(runbook.read_bytes(), runbook.name).plan
    steps = tuple(step.model_copy(update={"try_seconds": 4, "budget_seconds": 6}) for step in plan.steps)
    return plan.model_copy(update={"steps": steps, "settle_seconds": settle})


async def latest(shop: Shop) -> str:
    """The run id of the latest run of Deployment web."""
    return (await shop.run().describe()).run_id


async def replay(shop: Shop, *options: str) -> str:
    """Replay the latest run of Deployment web, which must be done; where it goes on, in the command's words."""
    said = await shop.installation.command("replay", f"{shop.name}/web", *options)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1] == f"{shop.run().id}@{await latest(shop)}"
    return said.stderr.splitlines()[0].removeprefix(f"resumed Deployment {shop.name}/web at ")


async def until_another(shop: Shop, old: str) -> None:
    """Wait until Deployment web has a later run than that one."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        if await latest(shop) != old:
            return
        assert asyncio.get_running_loop().time() < deadline, f"no run came after {old}"
        await asyncio.sleep(0.1)


async def pass_window_of_another(shop: Shop, old: str) -> None:
    """Wait until the window of a later run has begun, and pass it."""
    await until_another(shop, old)
    await shop.pass_window()


async def window_of(shop: Shop) -> timedelta:
    """How long the window of Deployment web's latest run was, by the run's clock; it has begun and ended in that
    run."""
    run = await shop.run().describe()
    events = (await shop.client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()).events
    timers = [
        event.event_time.ToDatetime(UTC) for event in events if str(event.WhichOneof("attributes")).startswith("timer_")
    ]
    began, fired = timers
    assert began > run.start_time
    return fired - began


async def shown(shop: Shop, run_id: str) -> str:
    """What `runmend show` says of a run of Deployment web."""
    said = await shop.installation.command("show", f"{shop.name}/web@{run_id}")
    assert said.returncode == 0, said.stderr
    return said.stdout


async def assert_replayed(shop: Shop, old: str, *, changes: int, told: list[str]) -> None:
    """Assert that a run stays Failed and names the one that went on, and what was written for both: on the Deployment,
    and as events."""
    status = (await shop.client.get_workflow_handle(shop.run().id, run_id=old).describe()).status
    assert status is WorkflowExecutionStatus.FAILED
    assert f"This run was resumed as {shop.name}/web@{(await latest(shop))[-8:]}." in await shown(shop, old)
    shop.assert_wrote(changes=changes)
    assert shop.told() == told


async def test_a_run_that_failed_for_its_runbook_resolves_with_the_mended_one(shop: Shop, tmp_path: Path) -> None:
    runbook = tmp_path / "RB_IMAGEPULL.md"
    runbook.write_text(a_runbook(fallback=BAD))
    await shop.start_with(plan_of(runbook, settle=12), shop.deploy(replicas=1))
    failed, old = await shop.failed(), await latest(shop)
    assert failed.kind == Outcome.VERIFICATION_FAILED
    assert (
        f"the image that this run wrote cannot be pulled either: app waits (ImagePullBackOff), {BAD}" in failed.message
    )
    runbook.write_text(a_runbook())
    command = ("replay", f"{shop.name}/web", "--latest", "--runbooks", str(tmp_path))

    unasked = await shop.installation.command(*command)
    started = await shop.installation.command(*command, "--yes")
    await shop.pass_window()
    result = await shop.completed()

    difference = [
        line.strip()
        for line in unasked.stdout.splitlines()
        if line.startswith(("-  ", "+  ")) and "fallback_image" in line
    ]
    assert difference == [f"-    fallback_image: {BAD}", f"+    fallback_image: {FALLBACK}"]
    assert (unasked.returncode, "nobody can be asked" in unasked.stderr) == (1, True)
    assert (started.returncode, started.stdout) == (0, f"{unasked.stdout}{shop.run().id}@{await latest(shop)}\n")
    assert (result.outcome, shop.images()) == (Outcome.RESOLVED, {"app": FALLBACK})
    assert f"container app: {BAD} → {FALLBACK}" in result.summary
    assert f"The target's latest run is {shop.name}/web@{(await latest(shop))[-8:]}." in await shown(shop, old)
    assert f"This run does {shop.name}/web@{old[-8:]} again, as a new run with the same alerts." in await shown(
        shop, await latest(shop)
    )
    shop.assert_wrote(changes=2)
    assert shop.told() == [PATCHED, FAILED, PATCHED, RESOLVED]


async def failed_in_an_outage(proxy: Proxy, *shops: Shop) -> list[str]:
    """A run for Deployment web in each shop, all of which failed because the API server did not answer from their patch
    on; it does now."""
    broken = [shop.deploy(replicas=1) for shop in shops]
    holds: list[Hold] = [proxy.hold("PATCH", shop.name) for shop in shops]
    await asyncio.gather(*(shop.start_with(plan_of(SEED), pods) for shop, pods in zip(shops, broken, strict=True)))
    for failed in await asyncio.gather(*(shop.failed() for shop in shops)):
        assert (failed.kind, failed.message) == (Outcome.STEP_FAILED, "patch_image spent its time and gave no answer")
    for hold in holds:
        hold.drop()
    return [await latest(shop) for shop in shops]


async def test_after_an_outage_of_the_cluster_a_run_goes_on_at_its_write(
    own: Installation, proxy: Proxy, shops: Shops
) -> None:
    own.start_worker()
    shop = shops()
    (old,) = await failed_in_an_outage(proxy, shop)
    shop.assert_wrote(changes=0)

    async with asyncio.TaskGroup() as group:
        resumed = group.create_task(own.command("replay", f"{shop.name}/web", "--wait"))
        group.create_task(pass_window_of_another(shop, old))
    said = resumed.result()

    assert (said.returncode, said.stderr.splitlines()[0]) == (
        0,
        f"resumed Deployment {shop.name}/web at {AT_THE_PATCH}",
    )
    assert (await shop.completed()).outcome is Outcome.RESOLVED
    # The first run's failure could not be told on the Deployment: the API server did not answer that either.
    await assert_replayed(shop, old, changes=1, told=[PATCHED, RESOLVED])


@dataclass(frozen=True)
class Lacking:
    """A shop whose worker, of an account of its own, lacks one right of the shipped role: to patch Deployments."""

    shop: Shop
    kubectl: Kubectl
    who: str

    @property
    def refused(self) -> str:
        """How the API server says so."""
        return f'User "system:serviceaccount:{self.who}" cannot patch resource "deployments"'

    def bind(self, name: str, kind: str) -> None:
        """Bind a role in the namespace, as deploy/kubernetes/namespace does."""
        self.kubectl(
            "create", "rolebinding", name, f"--{kind}={name}", f"--serviceaccount={self.who}", "-n", self.shop.name
        )

    def may(self, verb: str) -> bool:
        """Whether the API server would let the worker."""
        asked = f"--as=system:serviceaccount:{self.who}"
        return (
            self.kubectl("auth", "can-i", verb, "deployments", "-n", self.shop.name, asked, check=False).strip()
            == "yes"
        )

    async def fail(self) -> str:
        """The id of a run for Deployment web that failed for the right."""
        await self.shop.start_with(plan_of(SEED), self.shop.deploy(replicas=1))
        failed = await self.shop.failed()
        assert (failed.kind, failed.message.startswith("patch_image: Forbidden: ")) == (Outcome.STEP_FAILED, True)
        assert self.refused in failed.message
        return await latest(self.shop)


@pytest.fixture
def lacking(
    real: Cluster, kubectl: Kubectl, accounts: dict[str, Path], temporal: Temporal, client: Client, tmp_path: Path
) -> Iterator[Lacking]:
    (role,) = [role for role in yaml.safe_load_all(ROLES.read_text()) if role["metadata"]["name"] == "runmend-worker"]
    without = (rule | {"verbs": [verb for verb in rule["verbs"] if verb != "patch"]} for rule in role["rules"])
    rules = [rule for rule in without if rule["verbs"]]
    with real.namespace() as home, real.namespace() as namespace, processes(tmp_path) as running:
        home.create("serviceaccounts", {"metadata": {"name": "worker"}})
        worker = account(real, tmp_path, "worker", home.name)
        home.create("serviceaccounts", {"metadata": {"name": "nobody"}})
        ours = {"worker": worker, "nobody": account(real, tmp_path, "nobody", home.name)}
        own = Installation(running, tmp_path, temporal, accounts | ours, cluster=f"of-{home.name}")
        made = Lacking(Shop(namespace, own, client), kubectl, f"{home.name}:worker")
        less = {"apiVersion": role["apiVersion"], "kind": "Role", "metadata": {"name": "less"}, "rules": rules}
        kubectl("apply", "-n", namespace.name, "-f", "-", text=yaml.safe_dump(less))
        made.bind("less", "role")
        eventually(lambda: made.may("get"))
        own.start_worker()
        yield made


async def test_a_run_that_lacked_a_permission_goes_on_at_its_write_once_it_is_granted(lacking: Lacking) -> None:
    shop, old = lacking.shop, await lacking.fail()

    lacking.bind("runmend-worker", "clusterrole")
    eventually(lambda: lacking.may("patch"))
    assert await replay(shop) == AT_THE_PATCH
    await shop.pass_window()

    assert (await shop.completed()).outcome is Outcome.RESOLVED
    await assert_replayed(shop, old, changes=1, told=[FAILED, PATCHED, RESOLVED])


async def test_a_dry_run_without_a_permission_says_which_and_writes_nothing(lacking: Lacking) -> None:
    shop, old = lacking.shop, await lacking.fail()
    command = ("replay", f"{shop.name}/web", "--dry-run")

    reading = await shop.installation.command(*command, account="worker")
    blind = await shop.installation.command(*command, account="nobody")

    would = (
        f"  2 patch_image: would change container app: {MISSING} → {FALLBACK} (not checked by a dry run, which "
        "needs the right to patch: "
    )
    said = reading.stdout.splitlines()[-1]
    assert (reading.returncode, reading.stderr, said.startswith(would), lacking.refused in said) == (0, "", True, True)
    assert (blind.returncode, len(blind.stderr.splitlines())) == (1, 1)
    nobody = lacking.who.replace(":worker", ":nobody")
    assert f'User "system:serviceaccount:{nobody}" cannot get resource "deployments"' in blind.stderr
    assert await latest(shop) == old
    shop.assert_wrote(changes=0)
    assert shop.told() == [FAILED]


async def test_after_a_failed_verification_settle_window_and_check_are_held_anew(shop: Shop) -> None:
    shop.start(shop.deploy(images={"app": MISSING, "log": GOOD}, replicas=1))
    await shop.until(WINDOW)
    shop.set_image(BROKEN_LOG, "log", manager="kubectl-set")
    shop.until_broken(1)
    await shop.pass_window()
    failed, old = await shop.failed(), await latest(shop)
    assert failed.kind == Outcome.VERIFICATION_FAILED
    assert "log waits (" in failed.message

    shop.set_image(GOOD, "log", manager="kubectl-set")
    assert await replay(shop) == "settle: observe, get_pod_events and patch_image keep their results"
    await shop.pass_window()
    result = await shop.completed()

    assert (result.outcome, [verdict.status for verdict in result.verdicts]) == (Outcome.RESOLVED, ["passed"] * 3)
    begun, _ = await phases(shop.run())
    assert begun[-5:] == ["runmend.settle", "runmend.hold", WINDOW, "runmend.check", "runmend.report"]
    assert begun.count(WINDOW) == 1
    assert await window_of(shop) >= timedelta(seconds=WINDOW_SECONDS)
    assert shop.images() == {"app": FALLBACK, "log": GOOD}
    await assert_replayed(shop, old, changes=1, told=[PATCHED, FAILED, RESOLVED])


async def test_a_run_that_met_a_fault_of_its_worker_goes_on_with_a_right_one(
    own: Installation, shops: Shops, tmp_path: Path
) -> None:
    release = tmp_path / "faulty"
    release.mkdir()
    (release / "sitecustomize.py").write_text(FAULT)
    own.start_worker("faulty", PYTHONPATH=f"{release}:{ROOT}")
    shop = shops()
    await shop.start_with(plan_of(SEED), shop.deploy(replicas=1))
    failed, old = await shop.failed(), await latest(shop)
    assert (failed.kind, failed.message) == (Outcome.STEP_FAILED, "patch_image spent its time: KeyError: 'containers'")

    assert own.processes.stop(own.process("faulty")) == 0
    own.start_worker("right")
    assert await replay(shop) == AT_THE_PATCH
    await shop.pass_window()

    assert (await shop.completed()).outcome is Outcome.RESOLVED
    await assert_replayed(shop, old, changes=1, told=[FAILED, PATCHED, RESOLVED])


async def test_a_run_that_was_resumed_and_failed_again_is_resumed_once_more(shop: Shop) -> None:
    pods = shop.deploy(replicas=1)
    shop.namespace.patch("deployments", "web", {"spec": {"paused": True}})
    shop.start(pods)
    failed, first = await shop.failed(), await latest(shop)
    assert await replay(shop) == AT_THE_PATCH
    failed_again, second = await shop.failed(), await latest(shop)
    assert failed.kind == failed_again.kind == Outcome.PRECONDITION_FAILED
    assert (
        failed.what
        == failed_again.what
        == (
            f"Deployment {shop.name}/web is paused: it would take the change and replace no pod; `kubectl rollout "
            "resume` first"
        )
    )
    assert shop.images() == {"app": MISSING}
    shop.assert_wrote(changes=0)
    shop.namespace.patch("deployments", "web", {"spec": {"paused": False}})

    late = await shop.installation.command("replay", f"{shop.name}/web@{first}")
    assert await replay(shop) == AT_THE_PATCH
    third = await latest(shop)
    await shop.pass_window()

    assert (await shop.completed()).outcome is Outcome.RESOLVED
    assert late.returncode == 1
    assert (
        f"is not the latest run of Deployment {shop.name}/web: {second} (failed) came after it; name that one"
        in late.stderr
    )
    assert len({first, second, third}) == 3
    assert f"This run was resumed as {shop.name}/web@{second[-8:]}." in await shown(shop, first)
    assert f"This run resumes {shop.name}/web@{first[-8:]} since " in await shown(shop, second)
    assert f"This run resumes {shop.name}/web@{second[-8:]} since " in await shown(shop, third)
    await assert_replayed(shop, second, changes=1, told=[FAILED, FAILED, PATCHED, RESOLVED])


async def test_what_failed_in_an_outage_is_resumed_together_and_only_once(
    own: Installation, proxy: Proxy, shops: Shops
) -> None:
    own.start_worker()
    cart, pay, mended = runs = [shops() for _ in range(3)]
    old = dict(zip(runs, await failed_in_an_outage(proxy, *runs), strict=True))
    mended.set_image(GOOD)
    mended.until_running(1)
    await until_listed(own, 3)
    batch = ("replay", "--failed", "--runbook", "RB_IMAGEPULL", "--since", "1h", "--at-once", "2", "--yes")

    async with asyncio.TaskGroup() as group:
        resumed = group.create_task(own.command(*batch))
        for shop in (cart, pay):
            group.create_task(pass_window_of_another(shop, old[shop]))
    said = resumed.result()
    again = await own.command(*batch)

    assert (said.returncode, said.stderr) == (0, "")
    lines = said.stdout.splitlines()
    assert lines[-1] == "3 failed runs: 3 resumed (1 not needed, 2 resolved), 0 not resumed"
    assert set(lines[:3]) == {
        f"{shop.name}/web@{old[shop][-8:]}  StepFailed: would be resumed at patch_image" for shop in runs
    }
    assert most_open(lines) == 2
    assert (again.returncode, again.stderr.split(" since ")[0]) == (
        0,
        "none of the 3 runs that failed is to be resumed",
    )
    assert all("not resumed: not its target's latest run, which is" in line for line in again.stdout.splitlines())
    for shop in (cart, pay):
        await assert_replayed(shop, old[shop], changes=1, told=[PATCHED, RESOLVED])
    await assert_replayed(mended, old[mended], changes=0, told=[])
    assert mended.images() == {"app": GOOD}


def most_open(lines: list[str]) -> int:
    """How many runs a batch had open at once at most, by its own words: it tells each one's beginning, and its end."""
    steps = [1 if ": resumed at patch_image (" in line else -1 for line in lines if "/web: " in line]
    assert sum(steps) == 0
    return max(accumulate(steps))


async def until_listed(installed: Installation, count: int) -> None:
    """Wait until Temporal's list has so many failed runs of an installation: it may learn of an end late."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        said = await installed.command("list", "--outcome", "failed")
        if said.stdout.count("step failed") == count:
            return
        assert asyncio.get_running_loop().time() < deadline, said
        await asyncio.sleep(0.1)
