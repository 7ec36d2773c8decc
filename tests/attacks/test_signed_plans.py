"""Somebody may start and signal workflows in Temporal, and has none of the installation's keys."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import generate_latest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runmend.alerts.alert import Alert
from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.core.telemetry import METRICS
from runmend.plan.messages import JOIN_SIGNAL, Joining, ObserveCall, Options, ReportCall, RunInput, RunResult, StepCall
from runmend.runs.signing import HEADER
from runmend.worker.signatures import Signatures
from tests.builders import FALLBACK, GOOD, MISSING, an_alert
from tests.runs import Failed
from tests.workflow.acts import EMPTY, with_fallback
from tests.workflow.scenes import nothing_written
from tests.workflow.test_target_events import told
from tests.world import World, a_world

THEIRS = "theirs.example/miner:1"
KEY = "k" * 32
THEIR_RUNBOOK = "RB_OF_SOMEBODY"


def counted() -> float:
    """How many activities have been refused."""
    return METRICS.get_sample_value("runmend_not_signed_total") or 0


class Forging(Interceptor):
    """A client that puts a header of its own beside what it starts."""

    def __init__(self, header: Payload) -> None:
        self.header = header

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  the SDK's name
        return _Forged(next, self.header)


class _Forged(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, header: Payload) -> None:  # noqa: A002  the SDK's name
        super().__init__(next)
        self.header = header

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002  the SDK's name
        input.headers = {HEADER: self.header}
        return await super().start_workflow(input)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An installation that signs its plans."""
    async with a_world(tmp_path, plan_key_file=a_file_of(tmp_path)) as made:
        yield made


def a_file_of(folder: Path, *keys: str) -> Path:
    """A file of keys."""
    path = folder / "plan-keys"
    path.touch(mode=0o600)
    path.write_text("\n".join(keys or (KEY,)))
    return path


def forging(world: World, header: Payload) -> Client:
    config = world.env.client.config()
    config["interceptors"] = [*config["interceptors"], Forging(header)]
    return Client(**config)


async def brought(world: World, given: RunInput, client: Client | None = None) -> Failed:
    """How a run ends that somebody starts with this input."""
    handle = await (client or world.env.client).start_workflow(
        given.plan.runbook_id, given, id=given.target.workflow_id, task_queue=world.settings.task_queue
    )
    return await world.failed(handle)


async def headers_of(handle: WorkflowHandle[Any, Any]) -> dict[str, Payload]:
    """What stands beside the input of a run: whoever reads histories can take it."""
    first = (await handle.fetch_history()).events[0]
    return dict(first.workflow_execution_started_event_attributes.header.fields)


async def header_of(handle: WorkflowHandle[Any, Any]) -> Payload:
    """A run's signature."""
    return (await headers_of(handle))[HEADER]


async def a_recommending_run(world: World) -> WorkflowHandle[Any, Any]:
    """A run of the installation's own, which ended and left things as they were."""
    world.deploy()
    await world.until_broken(count=2)
    handle = await world.start(options=Options(mode=Mode.RECOMMEND))
    assert (await world.completed(handle)).outcome is Outcome.RECOMMENDED
    return handle


async def test_what_the_installation_starts_is_done(world: World) -> None:
    world.deploy()
    pods = await world.until_broken(count=2)

    handle = await world.start(tuple(an_alert(pod) for pod in pods))
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert (result.outcome, world.images()) == (Outcome.RESOLVED, {"app": FALLBACK})
    events = (await handle.fetch_history()).events
    scheduled = [event.activity_task_scheduled_event_attributes for event in events]
    header = await header_of(handle)
    assert [each.header.fields[HEADER] for each in scheduled if each.activity_type.name] == [header] * 7
    assert len(events) <= 54 + EMPTY


async def test_a_plan_without_a_signature_is_refused_before_anything_is_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.deploy()
    (pod, *_) = await world.until_broken(count=2)
    before, refused = len(world.faults.requests), counted()

    plan = with_fallback(world.plan, THEIRS).model_copy(update={"runbook_id": THEIR_RUNBOOK})
    failed = await brought(world, RunInput(plan=plan, target=world.target, alerts=(an_alert(pod),)))

    assert world.faults.requests[before:] == []
    assert (failed.kind, failed.result.reason) == (Outcome.STEP_FAILED, "not signed")
    assert [each.message for each in caplog.records if each.name == "runmend.worker"] == [
        "not signed, so not done"
    ] * 2, "the observation and the report"
    assert counted() - refused == 2
    assert THEIR_RUNBOOK not in generate_latest(METRICS).decode()
    assert failed.message.startswith("observe: NotSigned: the run carries no signature, and RUNMEND_PLAN_KEY_FILE")


@pytest.mark.parametrize(
    "changed",
    [
        {"target": "payment"},
        {"plan": THEIRS},
        {"options": Options(mode=Mode.AUTO)},
        {"options": Options(mode=Mode.RECOMMEND, protect_serving=False)},
    ],
    ids=["target", "plan", "mode", "serving"],
)
async def test_a_signature_from_a_history_is_good_for_nothing_else(world: World, changed: dict[str, Any]) -> None:
    signed = await a_recommending_run(world)
    header, alerts = await header_of(signed), (an_alert(world.pods()[0]),)
    given = RunInput(plan=world.plan, target=world.target, alerts=alerts, options=Options(mode=Mode.RECOMMEND))
    if "target" in changed:
        given = given.model_copy(update={"target": world.target.model_copy(update={"name": changed["target"]})})
    elif "plan" in changed:
        given = given.model_copy(update={"plan": with_fallback(world.plan, changed["plan"])})
    else:
        given = given.model_copy(update=changed)

    failed = await brought(world, given, forging(world, header))

    assert "NotSigned: what is asked for is not what was signed when the run was started" in failed.message
    assert world.faults.sent("PATCH") == []
    assert world.images() == {"app": MISSING}


async def test_what_was_signed_can_be_started_again_just_as_it_was(world: World) -> None:
    """A signature has no end, and says nothing of how often: it asks for what the bridge has asked for."""
    signed = await a_recommending_run(world)
    given = RunInput(
        plan=world.plan,
        target=world.target,
        alerts=(an_alert(world.pods()[0]),),
        options=Options(mode=Mode.RECOMMEND),
    )

    handle = await forging(world, await header_of(signed)).start_workflow(
        given.plan.runbook_id, given, id=given.target.workflow_id, task_queue=world.settings.task_queue
    )

    assert (await world.completed(handle)).outcome is Outcome.RECOMMENDED


async def test_what_is_no_signature_is_none(world: World) -> None:
    world.deploy()
    (pod, *_) = await world.until_broken(count=2)
    given = RunInput(plan=world.plan, target=world.target, alerts=(an_alert(pod),))

    for data in (b"", b"null", b"{}", b"\xff", b'{"version": 2, "digests": [], "mac": ""}', b"[" * 100_000):
        header = Payload(metadata={"encoding": b"json/plain"}, data=data)
        failed = await brought(world, given, forging(world, header))
        assert "carries no signature" in failed.message
    header = Payload(metadata={}, data=b'{"digests": [], "mac": "\xc3\xa9"}')
    assert "by none of the keys" in (await brought(world, given, forging(world, header))).message
    assert nothing_written(world)


@workflow.defn(name="theirs")
class Theirs:
    """A workflow of the attacker's own, on a worker of the attacker's own, that asks the installation's worker."""

    @workflow.run
    async def run(self, asked: dict[str, Any]) -> str:
        try:
            await workflow.execute_activity(
                asked["activity"],
                asked["call"],
                task_queue=asked["queue"],
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as error:
            return f"{getattr(error.cause, 'type', '')}: {error.cause}"
        return "done"


async def asked_by_theirs(client: Client, asked: dict[str, Any]) -> str:
    """What the installation's worker answers a workflow of theirs, which hands on the signature that it has."""
    async with Worker(
        client,
        task_queue="theirs",
        workflows=[Theirs],
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[Signatures(None)],
    ):
        return await client.execute_workflow(Theirs.run, asked, id=uuid.uuid4().hex, task_queue="theirs")


@pytest.mark.parametrize("activity", ["patch_image", "anything", "runmend.observe", "runmend.report"])
async def test_an_activity_that_another_workflow_asks_for_is_refused(world: World, activity: str) -> None:
    world.deploy()
    (pod, *_) = await world.until_broken(count=2)
    given = RunInput(plan=with_fallback(world.plan, THEIRS), target=world.target, alerts=(an_alert(pod),))
    ended = RunResult.begun(given, None).model_copy(update={"outcome": Outcome.RESOLVED, "summary": "all is well"})
    calls = {
        "runmend.observe": ObserveCall(plan=given.plan, target=given.target, alerts=given.alerts),
        "runmend.report": ReportCall(result=ended),
    }
    call = calls.get(activity) or StepCall.of(given, 2, "run", alerts=given.alerts)
    asked = {"activity": activity, "call": call.model_dump(mode="json"), "queue": world.settings.task_queue}
    before = len(world.faults.requests)

    said = await asked_by_theirs(world.env.client, asked)

    assert "NotSigned: the run carries no signature" in said
    assert world.faults.requests[before:] == []


async def test_with_a_signature_from_a_history_a_workflow_of_theirs_asks_for_what_was_signed_and_tells_lies(
    world: World,
) -> None:
    world.deploy(images={"app": GOOD})
    await world.until_running(2)
    signed = await world.start()
    result = await world.completed(signed)
    assert result.outcome is Outcome.NOT_NEEDED
    given = RunInput(plan=world.plan, target=world.target, alerts=())
    lie = result.model_copy(update={"outcome": Outcome.RESOLVED, "summary": "all is well, says theirs"})
    client = forging(world, await header_of(signed))
    calls = {"patch_image": StepCall.of(given, 2, "run", alerts=()), "runmend.report": ReportCall(result=lie)}

    for activity, call in calls.items():
        asked = {"activity": activity, "call": call.model_dump(mode="json"), "queue": world.settings.task_queue}
        assert await asked_by_theirs(client, asked) == "done"

    assert [(event["reason"], "all is well, says theirs" in event["message"]) for event in told(world)] == [
        ("RemediationResolved", True)
    ]
    assert world.images() == {"app": GOOD}


async def test_alerts_that_somebody_signals_change_nothing_of_what_a_run_does(world: World) -> None:
    """Alerts are not signed: the target's own state says what is treated."""
    world.deploy(images={"app": MISSING, "log": GOOD})
    (pod, *_) = await world.until_broken(count=2)
    handle = await world.start((an_alert(pod),))
    labels = {
        "alertname": "theirs",
        "namespace": "payment",
        "pod": pod.name,
        "container": "log",
        "fallback_image": THEIRS,
    }
    theirs = Alert(fingerprint="theirs", starts_at="2026-11-22T13:31:12Z", labels=labels)
    await handle.signal(JOIN_SIGNAL, Joining(runbook_id=world.plan.runbook_id, alerts=(theirs,)))

    await world.window(handle)
    await world.skip()
    await world.completed(handle)

    assert world.images() == {"app": FALLBACK, "log": GOOD}


async def test_a_worker_without_keys_does_what_is_signed_and_what_is_not(tmp_path: Path) -> None:
    keys = a_file_of(tmp_path)
    async with a_world(tmp_path) as world:
        unsigned = await a_recommending_run(world)
        world.settings = world.settings.model_copy(update={"plan_key_file": keys})
        signed = await world.start(options=Options(mode=Mode.RECOMMEND))
        assert (await world.completed(signed)).outcome is Outcome.RECOMMENDED

        assert [HEADER in await headers_of(handle) for handle in (unsigned, signed)] == [False, True]
