"""Every shipped runbook on a real cluster: what `runmend.local.demo.broken` breaks in the embedded one is broken here,
and each run must end as it says there. A scenario that is added there is run here.

Real are the API server, the controllers, the scheduler, the kubelet's own code, Temporal's server, and worker and
bridge as processes under the shipped accounts. Made up are the container runtime and the registry of images: a
container crashes, or is told to have been killed for its memory, because its image's tag says so (docs/testing.md); the
kubelet reports that as it reports any runtime's. The node that is not ready is dead: its kubelet's process was killed,
and the node controller has missed it. The windows are passed over by moving each run's own clock.

All that breaks a Deployment is broken and mended at the same time, each in a namespace of its own. Nodes come then, one
after the other, because a drain moves whatever is on its node.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from runmend.bridge.webhook import WebhookAlert
from runmend.core.kinds import BY_NAME
from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.facts.expressions import compiled
from runmend.facts.snapshot import Snapshot
from runmend.images.pull_failures import Cause
from runmend.kube.client import Cluster as Kube
from runmend.kube.connection import Connection
from runmend.language.states import STATES
from runmend.local.demo.broken import SCENARIOS, Breaking, Broken, OfNode, Scenario, webhook
from runmend.plan.messages import Options, RunResult
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from runmend.runbook.loader import load_directory
from runmend.runs.converter import data_converter
from runmend.runs.starting import Starter
from tests.cluster.api import MERGE, Cluster, Json, Namespace, eventually
from tests.cluster.audit import Write
from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import processes
from tests.e2e.installation import ROOT, Installation, Temporal
from tests.e2e.shop import FALLBACK, Pod, ready
from tests.runs import WINDOW, Failed, end, until

PATIENCE = 150.0
"""Seconds for what must happen in real time while all else does."""
TOLD = {"ContainerCreating": "FailedMount", "ImagePullBackOff": "Failed"}
"""The reason of the events that say why, by what is waited for: the kubelet sends them when it comes to it, and the
alert comes minutes later."""
WORKER = "system:serviceaccount:runmend:worker"
PLANS = load_directory(ROOT / "runbooks").plans
RUNBOOKS = {alertname: plan for plan in PLANS.values() for alertname in plan.alertnames}
SHOWN = [scenario for scenario in SCENARIOS.values() if scenario.expects]
ALONE = [scenario for scenario in SHOWN if scenario.node is None]
BOUNDED, BOUND = "bounded", "150Mi"
BY_A_PERSON, ANNOTATED, KEEP = "cordoned by a person", "cordoned and annotated", "runmend.io/keep-cordoned"
pytestmark = pytest.mark.timeout(600)


class OnRealNodes(Breaking):
    """The same on the real control plane."""

    def __init__(self, plane: ControlPlane, connection: Connection, cluster: Kube, namespace: str) -> None:
        super().__init__(connection, cluster, namespace=namespace, seconds=PATIENCE)
        self._plane = plane

    async def silence(self, node: str) -> None:
        """Kill its kubelet."""
        self._plane.kill_node(node)

    async def mend_nodes(self) -> None:
        """They are well: who kills one brings it back."""


@dataclass
class Ran:
    """What was broken, and how its run ended."""

    broken: Broken
    runbook: str
    ended: RunResult | Failed
    writes: list[Write]
    """Those of the worker, in the namespace, or to the node."""
    live: dict[str, Any]
    """The target afterwards."""
    pods: list[Pod] = field(default_factory=list)
    """Those of the Deployment, of a node's run."""

    @property
    def result(self) -> RunResult:
        return self.ended.result if isinstance(self.ended, Failed) else self.ended

    @property
    def words(self) -> str:
        return self.ended.message if isinstance(self.ended, Failed) else self.ended.summary

    def done(self, resource: str) -> list[Write]:
        return [write for write in self.writes if write.done and write.resource == resource]


class Stage:
    """Where it all happens."""

    def __init__(self, plane: ControlPlane, real: Cluster, installation: Installation, client: Client) -> None:
        self.plane = plane
        self.real = real
        self.installation = installation
        self.client = client

    async def broken(self, namespace: Namespace, scenario: Scenario) -> Broken:
        connection = Connection.to(self.plane.kubeconfig, None)
        with closing(Kube(connection)) as cluster:
            broken = await OnRealNodes(self.plane, connection, cluster, namespace.name).make(scenario)
        if reason := TOLD.get(scenario.waits):
            names = {pod.name for pod in broken.there}

            def told() -> bool:
                events = namespace.items("events", fieldSelector=f"reason={reason}")
                return names <= {event["involvedObject"]["name"] for event in events}

            await asyncio.to_thread(eventually, told)
        return broken

    async def cordoned(self, before: Broken, scenario: Scenario, node: str) -> Broken:
        """A node that somebody has cordoned, once it is well."""
        with closing(Kube.connect(kubeconfig=self.plane.kubeconfig)) as cluster:
            found = await asyncio.to_thread(
                eventually, lambda: it if (it := cluster.node(node)).ready and not it.schedulable else None
            )
        return Broken(scenario, before.target.model_copy(update={"name": node}), before.pods, found)

    def pods(self, it: Ran) -> list[Pod]:
        """Those of a run's namespace."""
        path = f"/api/v1/namespaces/{it.broken.pods[0].namespace}/pods"
        found: list[Pod] = self.real.http.get(path).raise_for_status().json()["items"]
        return found

    def nodes(self) -> list[str]:
        return [
            each["metadata"]["name"] for each in self.real.http.get("/api/v1/nodes").raise_for_status().json()["items"]
        ]

    def patch_node(self, name: str, patch: Json) -> None:
        """As an earlier run would write it."""
        path, query = f"/api/v1/nodes/{name}", {"fieldManager": "runmend"}
        self.real.http.patch(path, json=patch, params=query, headers={"Content-Type": MERGE}).raise_for_status()

    async def run(self, broken: Broken, plan: Plan | None = None) -> Ran:
        """Post the alerts of what was broken; the run's end, its window passed over.

        Args:
            broken: what.
            plan: of the run, where the bridge has no such runbook.
        """
        target = broken.target.model_copy(update={"cluster": self.installation.cluster})
        body = webhook(broken, cluster=target.cluster, since=datetime.now(UTC))
        if plan:
            alerts = tuple(WebhookAlert.model_validate(each).alert for each in body["alerts"])
            await Starter(self.client, Settings(cluster=target.cluster)).start(plan, target, alerts, Options(), None)
        else:
            answers = await asyncio.to_thread(self.installation.answers, body)
            assert set(answers) == {"started"}, answers
        handle = self.client.get_workflow_handle(target.workflow_id)
        passing = asyncio.create_task(self._pass_window(target.workflow_id, (plan or _plan(broken)).window_seconds))
        try:
            ended = await end(handle, PATIENCE)
        except TimeoutError as error:
            pending = (await handle.describe()).raw_description.pending_activities
            waits = "; ".join(f"{each.activity_type.name}: {each.last_failure.message}" for each in pending)
            raise AssertionError(f"the run of {broken.scenario.name} has not ended; it waits for {waits}") from error
        finally:
            passing.cancel()
        described = await handle.describe()
        return Ran(broken, described.workflow_type, ended, self._writes(broken), self._live(broken))

    async def _pass_window(self, workflow_id: str, seconds: int) -> None:
        """Move a run's clock past its window, if it comes so far."""
        handle = self.client.get_workflow_handle(workflow_id)
        await until(handle, WINDOW, PATIENCE)
        await TimeSkipper(self.client).fast_forward(handle, seconds + 1)

    def _writes(self, broken: Broken) -> list[Write]:
        namespace = broken.pods[0].namespace
        written = (write for write in self.plane.writes() if write.user == WORKER and not write.dry_run)
        node = broken.node.name if broken.node else None
        return [each for each in written if each.namespace == namespace or (node and each.name == node)]

    def _live(self, broken: Broken) -> dict[str, Any]:
        target = broken.target
        path = BY_NAME[target.kind].path.format(namespace=target.namespace, name=target.name)
        found: dict[str, Any] = self.real.http.get(path).raise_for_status().json()
        return found


def _plan(broken: Broken) -> Plan:
    return RUNBOOKS[broken.scenario.alertname]


@pytest.fixture(scope="module")
def ran(
    built: ControlPlane,
    real: Cluster,
    temporal: Temporal,
    accounts: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Ran]]:
    """By scenario: all of them have run."""
    folder = tmp_path_factory.mktemp("shipped")
    with processes(folder) as started:
        own = Installation(started, folder, temporal, accounts, "shipped", RUNMEND_NODES="node-*")
        own.start_worker()
        own.start_bridge()

        async def all_of_them() -> dict[str, Ran]:
            client = await Client.connect(temporal.address, data_converter=data_converter)
            stage = Stage(built, real, own, client)
            return await of_deployments(stage) | await of_nodes(stage)

        yield asyncio.run(all_of_them())


async def of_deployments(stage: Stage) -> dict[str, Ran]:
    async def one(scenario: Scenario, plan: Plan | None = None) -> Ran:
        with stage.real.namespace() as namespace:
            return await stage.run(await stage.broken(namespace, scenario), plan)

    def bounded() -> Plan:
        """The same calculation, and a lower bound: a copy of the runbook, which waits for no ten minutes."""
        text = (ROOT / "runbooks" / "RB_OOMKILLED.md").read_text()
        assert "(max 4Gi)" in text
        plan = compile_runbook(text.replace("(max 4Gi)", f"(max {BOUND})").encode(), "copy.md").plan
        return plan.model_copy(update={"settle_seconds": 12})

    async with asyncio.TaskGroup() as group:
        running = {each.name: group.create_task(one(each)) for each in ALONE}
        running[BOUNDED] = group.create_task(one(SCENARIOS["out-of-memory"], bounded()))
    ran = {name: task.result() for name, task in running.items()}
    # A drain would move their pods, and wait until all of them are well.
    await asyncio.to_thread(eventually, lambda: not any(map(stage.pods, ran.values())))
    return ran


async def of_nodes(stage: Stage) -> dict[str, Ran]:
    """A node dies and comes back; what its run has left cordoned is uncordoned by the next. Those that people have
    cordoned meanwhile are left."""
    dies, cordoned = (_only(each) for each in OfNode)
    with stage.real.namespace() as namespace:
        broken = await stage.broken(namespace, dies)
        return await _of_nodes(stage, broken, cordoned)


async def _of_nodes(stage: Stage, broken: Broken, cordoned: Scenario) -> dict[str, Ran]:
    ran: dict[str, Ran] = {}
    node = broken.target.name
    others = [name for name in stage.nodes() if name != node]
    try:
        it = ran[broken.scenario.name] = await stage.run(broken)
        it.pods = [pod for pod in stage.pods(it) if "deletionTimestamp" not in pod["metadata"]]
        stage.plane.start_node(node, cordoned=True)
        stage.plane.kubectl("cordon", others[0])
        stage.patch_node(others[1], {"spec": {"unschedulable": True}, "metadata": {"annotations": {KEEP: "a test"}}})
        left = [await stage.cordoned(broken, cordoned, name) for name in (node, *others)]
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(stage.run(each)) for each in left]
        return ran | dict(
            zip((cordoned.name, BY_A_PERSON, ANNOTATED), (each.result() for each in running), strict=True)
        )
    finally:
        if not stage.plane.node_runs(node):
            stage.plane.start_node(node, cordoned=True)
        for name in (node, *others):
            stage.patch_node(name, {"spec": {"unschedulable": None}, "metadata": {"annotations": {KEEP: None}}})
        for name in (node, *others):
            await asyncio.to_thread(eventually, partial(stage.plane.node_is_ready, name))


def _only(what: OfNode) -> Scenario:
    """The only one; another one needs a part of its own here."""
    (found,) = (each for each in SHOWN if each.node is what)
    return found


def ids(scenario: Scenario) -> str:
    return f"{RUNBOOKS[scenario.alertname].runbook_id} {scenario.name}"


@pytest.mark.parametrize("scenario", SHOWN, ids=ids)
def test_a_shipped_runbook_ends_as_its_scenario_says(scenario: Scenario, ran: dict[str, Ran]) -> None:
    it = ran[scenario.name]

    assert it.runbook == RUNBOOKS[scenario.alertname].runbook_id
    assert it.result.outcome is scenario.expects, it.words
    mended = scenario.expects is Outcome.RESOLVED
    assert bool(it.result.changes) == mended
    assert {verdict.status for verdict in it.result.verdicts} == ({"passed"} if mended else set())
    if scenario.node is None:
        assert len(it.done("deployments")) == (1 if mended else 0), it.writes


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("bad-image", Cause.NOT_FOUND),
        ("bad-credentials", Cause.AUTHENTICATION),
        ("registry-down", Cause.NETWORK),
    ],
)
def test_an_image_that_cannot_be_pulled_is_replaced_and_the_cause_is_named(
    name: str, cause: Cause, ran: dict[str, Ran]
) -> None:
    it = ran[name]

    assert it.result.observation
    assert set(it.result.observation.causes) == {cause}
    found = "; ".join(each.found for each in it.result.observation.findings if "pod events" in each.about)
    assert found.startswith(f"{cause} (reported ")
    assert "Failed to pull image" not in found
    assert it.result.steps[0].summary.endswith(f"of ImagePullBackOff: confirmed ({cause})")
    assert it.words == f"changed container app: {it.broken.scenario.image} → {FALLBACK}; it held for 5 minutes"
    assert it.result.settled == "2 of 2 pods are Running, nothing of an older revision is left"


def test_a_rollout_that_brought_the_crash_is_undone(ran: dict[str, Ran]) -> None:
    it = ran["bad-program"]

    changes = [(each.named, each.before, each.after) for each in it.result.changes]
    assert changes == [("container app", it.broken.scenario.then, it.broken.scenario.image)]


def test_a_crash_that_no_rollout_brought_is_told_with_its_cause_and_left(ran: dict[str, Ran]) -> None:
    it = ran["crash-loop"]

    assert it.result.outcome is Outcome.UNHANDLED
    assert "undo_rollout: its gate does not hold: workload.previous_revision is null" in it.words
    assert it.result.observation
    assert "CrashLoopBackOff" in "".join(it.result.observation.pods)
    assert it.done("deployments") == []


def test_a_limit_is_doubled_by_a_calculation_that_the_run_tells(ran: dict[str, Ran]) -> None:
    it = ran["out-of-memory"]

    assert it.result.steps[1].summary == (
        "changed container app resources.limits.memory: 100Mi → 256Mi "
        "(new_limit = 256Mi: max(256Mi, current_limit 100Mi * 2), at most 4Gi)"
    )
    assert limit_of(it) == "256Mi"


def test_a_limit_is_raised_to_its_bound_and_no_further(ran: dict[str, Ran]) -> None:
    it = ran[BOUNDED]

    assert limit_of(it) == BOUND
    assert len(it.done("deployments")) == 1
    assert it.result.outcome is Outcome.VERIFICATION_FAILED, "its program needs more than that"


def test_pods_that_wait_for_a_config_map_that_is_not_there_are_not_deleted(ran: dict[str, Ran]) -> None:
    it = ran["container-creating"]

    assert it.result.outcome is Outcome.UNHANDLED
    assert it.done("pods") == []
    read = "".join(line for step in it.result.steps for line in step.findings)
    assert "web-config" in it.words + read, (it.words, read)


def limit_of(it: Ran) -> str:
    limit: str = it.live["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    return limit


def test_a_dead_node_is_not_ready_takes_no_pods_and_says_since_when_and_why(ran: dict[str, Ran]) -> None:
    node = ran["node-not-ready"].broken.node

    assert node
    snapshot = Snapshot(node=node)
    states = [name for name, state in STATES.items() if state.node and compiled(state.node).judge(snapshot).holds]
    assert states == ["NotReady"]
    assert node.conditions["Ready"] == node.conditions["MemoryPressure"] == "Unknown"
    assert {taint.key for taint in node.taints} <= {"node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"}
    assert not node.takes_pods
    judged = compiled("node.ready").judge(snapshot)
    assert re.fullmatch(r"node\.ready is false \(since [0-9]{2}:[0-9]{2}, NodeStatusUnknown\)", judged.evidence)


def test_a_dead_node_is_cordoned_and_its_pods_run_elsewhere(ran: dict[str, Ran]) -> None:
    it = ran["node-not-ready"]

    assert it.live["spec"]["unschedulable"] is True
    assert it.result.summary.startswith("mitigated, and the problem is still there (node.ready is false (since ")
    assert it.broken.there
    there = {pod.name: 1 for pod in it.broken.there}
    assert Counter(write.name for write in it.done("pods/eviction")) == there, "each once"
    assert {pod.uid for pod in it.result.removed} == {pod.uid for pod in it.broken.there}
    assert len(it.pods) == it.broken.scenario.replicas
    assert all(ready(pod) and pod["spec"]["nodeName"] != it.broken.target.name for pod in it.pods)


def test_what_a_run_has_cordoned_is_uncordoned_once_the_node_is_well(ran: dict[str, Ran]) -> None:
    it = ran["node-unschedulable"]

    assert it.broken.node
    assert it.broken.node.cordoned_by == "runmend", "by the run before, and nobody else"
    assert "unschedulable" not in it.live["spec"]


@pytest.mark.parametrize(
    ("whose", "outcome", "says"),
    [
        (BY_A_PERSON, Outcome.PRECONDITION_FAILED, 'node.cordoned_by is "kubectl"; node.cordoned_for is '),
        (ANNOTATED, Outcome.UNHANDLED, KEEP),
    ],
)
def test_a_node_that_was_cordoned_on_purpose_stays_so(
    whose: str, outcome: Outcome, says: str, ran: dict[str, Ran]
) -> None:
    it = ran[whose]

    assert it.result.outcome is outcome, it.words
    assert says in it.words
    assert it.live["spec"]["unschedulable"] is True
    assert it.done("nodes") == []
