"""How criteria are judged against what was there when the target had settled."""

from typing import Literal

import pytest

from runmend.facts.event import EventFacts
from runmend.facts.moved import MovedFacts
from runmend.facts.node import NodeFacts
from runmend.facts.pod import ContainerFacts, PodFacts, Resources
from runmend.language.verdicts import Live, broken, judge, restarts_of, settled_pods, unmet
from runmend.plan.criteria import Criterion, Status, Watermark
from runmend.runbook.criteria import criterion_of


def read(text: str) -> Criterion:
    """A criterion as a runbook has it."""
    criterion = criterion_of(text, 1)
    assert criterion is not None
    return criterion


RUNNING = read("Pod is Running")
LEAVING = read("Pod transitions from ImagePullBackOff to Running")
STARTED = read("Container starts successfully")
SILENT = read("No new ImagePullBackOff events for 5 minutes")
READY_FOR_LONG = read("Pods are Ready for 5 minutes")
STEADY = read("No container restarts for 5 minutes")
UNREAD = Criterion(text="Users are happy", line=9)
BACK_OFF = 'Back-off pulling image "registry.example/app:missing"'


def a_container(
    name: str = "app", *, reason: str = "", ready: bool = True, init: bool = False, restarts: int = 0
) -> ContainerFacts:
    """A container that runs, or waits for a reason."""
    if reason:
        return ContainerFacts(name=name, init=init, image="x", state="waiting", reason=reason, restarts=restarts)
    return ContainerFacts(
        name=name, init=init, image="x", state="running", ready=ready, started=True, restarts=restarts
    )


def a_pod(name: str = "web-1", *containers: ContainerFacts, phase: str = "Running", deleting: bool = False) -> PodFacts:
    return PodFacts(
        namespace="shop",
        name=name,
        uid=f"uid-of-{name}",
        phase=phase,
        deleting=deleting,
        containers=containers or (a_container(),),
    )


def a_waiting_pod(name: str = "web-1", reason: str = "ImagePullBackOff") -> PodFacts:
    return a_pod(name, a_container(reason=reason), phase="Pending")


def an_event(uid: str = "e1", *, reason: str = "BackOff", message: str = BACK_OFF, count: int = 1) -> EventFacts:
    return EventFacts(
        uid=uid,
        reason=reason,
        message=message,
        type="Normal",
        count=count,
        object_kind="Pod",
        object_name="web-1",
        object_uid="uid-of-web-1",
    )


def a_mark(*pods: PodFacts, events: dict[str, int] | None = None) -> Watermark:
    return Watermark(
        pods={pod.uid: pod.name for pod in pods},
        running=sum(pod.running for pod in pods),
        events=events or {},
        restarts=restarts_of(pods),
    )


def live(*pods: PodFacts, events: tuple[EventFacts, ...] = ()) -> Live:
    return Live(pods=pods, events=events)


@pytest.mark.parametrize(
    ("criterion", "pods", "waits_for"),
    [
        (RUNNING, (), "no pods"),
        (RUNNING, (a_pod(),), None),
        (RUNNING, (a_waiting_pod(),), "web-1: running is false (Pending, app waits (ImagePullBackOff))"),
        (RUNNING, (a_pod("web-1", a_container(ready=False)),), "web-1: running is false (Running, app is not ready)"),
        (RUNNING, (a_pod(deleting=True),), "web-1: running is false (Terminating)"),
        (STARTED, (), "no pods"),
        (STARTED, (a_pod(),), None),
        (STARTED, (a_pod("web-1", a_container(ready=False)),), None),
        (
            STARTED,
            (a_waiting_pod(),),
            'web-1: app: done is false, state is "waiting", started is false (Pending, app waits (ImagePullBackOff))',
        ),
        (SILENT, (a_pod(),), None),
        (STEADY, (a_pod("web-1", a_container(restarts=3)),), None),
        (READY_FOR_LONG, (a_pod(),), None),
        (READY_FOR_LONG, (a_waiting_pod(),), "web-1: running is false (Pending, app waits (ImagePullBackOff))"),
        (UNREAD, (), None),
    ],
)
def test_a_criterion_says_what_it_waits_for(
    criterion: Criterion, pods: tuple[PodFacts, ...], waits_for: str | None
) -> None:
    assert unmet(criterion, live(*pods)) == waits_for


def test_what_is_there_before_anything_has_settled_is_not_new() -> None:
    seen = live(a_pod("web-1", a_container(restarts=3)), events=(an_event(),))

    assert [unmet(criterion, seen) for criterion in (SILENT, STEADY)] == [None, None]


def test_nothing_can_stay_as_it_never_was() -> None:
    cordoned = Criterion(text="cordoned", line=1, expression="!node.schedulable", must="stay", seconds=60)
    node = NodeFacts(name="n1", uid="u1")
    unread = Live(pods=(), events=(), unknown={"node": "forbidden"})

    assert unmet(cordoned, Live(pods=(), events=(), node=node)) == "node.schedulable is true"
    assert unmet(cordoned, Live(pods=(), events=(), node=node.model_copy(update={"schedulable": False}))) is None
    assert unmet(cordoned, unread) is None
    assert unmet(cordoned.model_copy(update={"must": "become"}), unread)


def test_a_sidecar_that_has_ended_has_not_started() -> None:
    proxy = ContainerFacts(name="proxy", init=True, sidecar=True, image="x", state="terminated", exit_code=0)

    assert unmet(STARTED, live(a_pod("web-1", proxy))) == (
        'web-1: proxy: done is false, state is "terminated", started is false '
        "(Running, proxy terminated (no reason given))"
    )


def test_an_init_container_that_has_finished_counts_as_started() -> None:
    setup = ContainerFacts(name="setup", init=True, image="x", state="terminated", reason="Completed", exit_code=0)

    assert unmet(STARTED, live(a_pod("web-1", setup, a_container()))) is None
    assert unmet(STARTED, live(a_pod("web-1", setup.model_copy(update={"exit_code": 1}), a_container()))) == (
        'web-1: setup: done is false, state is "terminated", started is false (Running, setup terminated (Completed))'
    )


def test_many_troubled_pods_are_cut_in_the_evidence() -> None:
    waits_for = unmet(RUNNING, live(*(a_waiting_pod(f"web-{number}") for number in range(8))))

    assert waits_for is not None
    assert waits_for.endswith("web-4: running is false (Pending, app waits (ImagePullBackOff)); and 3 more")


def test_an_event_is_new_if_its_uid_is_unknown_or_its_count_grew() -> None:
    mark = a_mark(a_pod(), events={"known": 3, "grown": 1})
    events = (an_event("known", count=3), an_event("grown", count=2), an_event("unknown"))

    assert judge(SILENT, mark, live(a_pod(), events=events)).evidence == (
        f"web-1: BackOff: {BACK_OFF} (count 2, 1 before); web-1: BackOff: {BACK_OFF} (count 1, 0 before)"
    )


@pytest.mark.parametrize(
    "event",
    [
        an_event(reason="BackOff", message="Back-off restarting failed container app in pod web-1"),
        an_event(reason="Failed", message="Error: CrashLoopBackOff"),
        an_event(reason="Pulled", message="Successfully pulled image"),
    ],
)
def test_an_event_of_another_trouble_does_not_speak_of_the_state(event: EventFacts) -> None:
    assert judge(SILENT, a_mark(a_pod()), live(a_pod(), events=(event,))).status is Status.PASSED


def test_silence_passes_where_no_container_waits_in_the_state() -> None:
    verdict = judge(SILENT, a_mark(a_pod()), live(a_pod()))

    assert (verdict.status, verdict.evidence) == (
        Status.PASSED,
        "no new ImagePullBackOff event; 1 pod; no container waits in ImagePullBackOff",
    )
    assert (verdict.text, verdict.line) == (SILENT.text, SILENT.line)


@pytest.mark.parametrize(
    "reason", ["ImagePullBackOff", "ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed"]
)
def test_silence_never_passes_while_a_container_waits_in_the_state(reason: str) -> None:
    verdict = judge(SILENT, a_mark(a_pod()), live(a_waiting_pod(reason=reason)))

    assert (verdict.status, verdict.evidence) == (Status.FAILED, f"web-1: app waits ({reason})")


def test_silence_proves_nothing_where_there_is_no_pod() -> None:
    assert judge(SILENT, a_mark(), live()).evidence == "no pods"


def test_a_new_event_fails_the_silence() -> None:
    verdict = judge(SILENT, a_mark(a_pod()), live(a_pod(), events=(an_event(),)))

    assert (verdict.status, verdict.evidence) == (Status.FAILED, f"web-1: BackOff: {BACK_OFF} (count 1, 0 before)")


@pytest.mark.parametrize("criterion", [RUNNING, LEAVING])
def test_running_pods_pass(criterion: Criterion) -> None:
    verdict = judge(criterion, a_mark(a_pod("a"), a_pod("b")), live(a_pod("a"), a_pod("b")))

    assert verdict.status is Status.PASSED
    assert verdict.evidence.startswith("2 pods; it holds of all 2 pods (running)")


def test_a_younger_pod_that_is_pending_is_passed_over_where_enough_others_run() -> None:
    pending = a_pod("young", a_container(reason="ContainerCreating"), phase="Pending")
    mark, now = a_mark(a_pod("a")), live(a_pod("a"), pending)

    assert settled_pods(mark, now) == ((a_pod("a"),), (pending,))
    assert judge(RUNNING, mark, now).status is Status.PASSED


def test_a_younger_pod_that_waits_in_the_state_that_was_left_fails() -> None:
    verdict = judge(LEAVING, a_mark(a_pod("a")), live(a_pod("a"), a_waiting_pod("young")))

    assert (verdict.status, verdict.evidence) == (Status.FAILED, "young: app waits (ImagePullBackOff)")


def test_fewer_running_pods_than_at_settle_fail() -> None:
    pending = a_pod("young", a_container(reason="ContainerCreating"), phase="Pending")
    verdict = judge(RUNNING, a_mark(a_pod("a"), a_pod("b")), live(a_pod("a"), pending))

    assert verdict.status is Status.FAILED
    assert verdict.evidence == "young: running is false (Pending, app waits (ContainerCreating))"


def test_a_restart_since_settle_fails_and_an_older_one_does_not() -> None:
    before, after = a_pod("a", a_container(restarts=2)), a_pod("a", a_container(restarts=3))

    assert judge(STEADY, a_mark(before), live(before)).status is Status.PASSED
    assert judge(STEADY, a_mark(before), live(after)).evidence == "a: app restarted 1x"
    assert judge(STARTED, a_mark(before), live(after)).evidence == "a: app restarted 1x"


def test_no_restarts_fails_where_there_is_no_pod() -> None:
    assert judge(STEADY, a_mark(), live()).evidence == "no pods"


def test_what_is_not_understood_is_unverified_and_never_passed() -> None:
    verdict = judge(UNREAD, a_mark(a_pod()), live(a_pod()))

    assert (verdict.status, verdict.evidence) == (Status.UNVERIFIED, "not understood, so not checked")


def test_an_old_pod_that_broke_is_not_passed_over_because_a_younger_one_makes_up_the_number() -> None:
    mark = a_mark(a_pod("web-1"), a_pod("web-2"))
    live = Live(pods=(a_pod("web-1"), a_pod("web-2", a_container(ready=False)), a_pod("web-3")), events=())

    assert settled_pods(mark, live) == (live.pods, ())
    assert judge(RUNNING, mark, live).status is Status.FAILED


def expression(source: str, must: Literal["become", "stay"] = "become") -> Criterion:
    return Criterion(text=source, line=1, expression=source, must=must)


RESTARTED = a_pod("web-1", a_container(restarts=1))


@pytest.mark.parametrize(
    ("criterion", "pods", "events"),
    [
        (SILENT, (a_pod(),), (an_event(),)),
        (SILENT, (a_waiting_pod(),), ()),
        (STEADY, (RESTARTED,), ()),
        (STARTED, (RESTARTED,), ()),
        (expression("!events.new('BackOff')"), (a_pod(),), (an_event(),)),
        (expression("pods.all(p, p.running)", "stay"), (a_pod("web-1", a_container(ready=False)),), ()),
    ],
)
def test_what_must_stay_true_and_what_asks_what_is_new_can_be_broken_in_the_window(
    criterion: Criterion, pods: tuple[PodFacts, ...], events: tuple[EventFacts, ...]
) -> None:
    assert not broken(criterion, a_mark(a_pod()), live(a_pod()))
    assert broken(criterion, a_mark(a_pod()), live(*pods, events=events))


@pytest.mark.parametrize(
    "criterion",
    [
        RUNNING,
        LEAVING,
        expression("pods.all(p, p.running)"),
        UNREAD,
        expression("pods.all(p, p.containers.all(c, c.exit_code < 1))", "stay"),
    ],
    ids=["running", "leaving", "an expression", "not understood", "cannot be told"],
)
def test_what_must_become_true_or_cannot_be_told_is_left_to_the_check(criterion: Criterion) -> None:
    assert not broken(criterion, a_mark(a_pod()), live(a_waiting_pod()))
    assert judge(criterion, a_mark(a_pod()), live(a_waiting_pod())).status is not Status.PASSED


@pytest.mark.parametrize(
    ("ready", "status", "evidence"),
    [
        ((4,), Status.PASSED, "it holds of all 1 moved (running)"),
        ((3,), Status.FAILED, "web: running is false (Deployment shop/web: 3 of 4 pods are Ready)"),
        ((), Status.PASSED, "moved is empty"),
    ],
)
def test_what_was_moved_runs_where_its_workload_has_all_its_pods(
    ready: tuple[int, ...], status: Status, evidence: str
) -> None:
    moved = tuple(
        MovedFacts(kind="Deployment", namespace="shop", name="web", uid="w", wanted=4, ready=each) for each in ready
    )
    live = Live(pods=(), events=(), node=NodeFacts(name="n1", uid="u1"), moved=moved)

    verdict = judge(read("Moved workloads are running again"), live.watermark, live)

    assert (verdict.status, verdict.evidence) == (status, evidence)
    assert (unmet(read("All evicted pods are running on other nodes"), live) is None) is (status is Status.PASSED)


NODE_MEMORY = read("Node memory usage stays below 80%")
POD_MEMORY = read("Memory usage is below 90% of the limit")
NODE = NodeFacts(name="n1", uid="u1", allocatable=Resources(memory=1000))
LIMITED = a_pod("web-1", a_container().model_copy(update={"limits": Resources(memory=1000)}))
NO_METRICS = {"usage": "the metrics API does not answer"}


@pytest.mark.parametrize(
    ("criterion", "live", "status"),
    [
        (NODE_MEMORY, Live(pods=(), events=(), node=NODE, unknown=NO_METRICS), Status.UNVERIFIED),
        (NODE_MEMORY, Live(pods=(), events=(), unknown={"node": "node n1 could not be read: 403"}), Status.FAILED),
        (
            NODE_MEMORY,
            Live(pods=(), events=(), node=NodeFacts(name="n1", uid="u1"), unknown=NO_METRICS),
            Status.FAILED,
        ),
        (POD_MEMORY, Live(pods=(LIMITED,), events=(), unknown=NO_METRICS), Status.UNVERIFIED),
        (POD_MEMORY, Live(pods=(a_pod(),), events=(), unknown=NO_METRICS), Status.FAILED),
        (POD_MEMORY, Live(pods=(), events=(), unknown=NO_METRICS), Status.FAILED),
    ],
    ids=["no metrics", "node forbidden", "node without allocatable", "pods without metrics", "no limit", "no pods"],
)
def test_a_criterion_is_unverified_where_the_usage_is_all_that_is_unknown(
    criterion: Criterion, live: Live, status: Status
) -> None:
    assert judge(criterion, live.watermark, live).status is status
    if criterion.must == "become":
        assert (unmet(criterion, live) is None) is (status is Status.UNVERIFIED)
