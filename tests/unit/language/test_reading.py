"""The verbs that read: how their commands are read, what they ask, and what they make of the answers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.reading import read
from runmend.alerts.alert import Alert
from runmend.core.errors import Forbidden, Invalid, NotFound, StepFailed
from runmend.facts.event import EventFacts
from runmend.facts.object import ObjectFacts
from runmend.facts.pod import PodFacts
from runmend.facts.workload import WorkloadFacts
from runmend.kube import facts
from runmend.kube.owners import Workloads
from runmend.language.rights import needs_of
from runmend.language.target import TargetNow
from runmend.language.verbs import VERBS
from runmend.language.verbs.verb import Read
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Values
from tests.unit.language.test_effects import WEB
from tests.unit.language.test_rights import command

Json = dict[str, Any]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def a_pod(name: str = "web-1", *, ready: bool = False, **status: Any) -> Json:
    state = {"running": {}} if ready else {"waiting": {"reason": "CrashLoopBackOff"}}
    last = {} if ready else {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    said = {"name": "app", "ready": ready, "restartCount": 0 if ready else 4, "state": state, "lastState": last}
    beside = {"name": "log", "ready": True, "restartCount": 0, "state": {"running": {}}}
    return {
        "metadata": {"namespace": "shop", "name": name, "uid": f"uid-{name}"},
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}],
        },
        "status": {"phase": "Running", "containerStatuses": [said, beside], **status},
    }


def a_deployment(**status: Any) -> Json:
    return {
        "metadata": {
            "namespace": "shop",
            "name": "web",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 2,
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"spec": {"containers": [{"name": "app", "image": "a:1"}]}},
        },
        "status": {"observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 1, **status},
    }


def an_event(reason: str, message: str, *, last: str = "", count: int = 1) -> EventFacts:
    return EventFacts(
        uid=reason,
        reason=reason,
        message=message,
        type="Warning",
        count=count,
        object_kind="Pod",
        object_name="web-1",
        object_uid="uid-web-1",
        last_seen=last,
    )


class Server:
    """Stands for a cluster: what it holds, and what it was asked."""

    def __init__(
        self, *items: tuple[str, Json], events: tuple[EventFacts, ...] | Exception = (), log: Any = ""
    ) -> None:
        self._items = {(kind, item["metadata"]["name"]): item for kind, item in items}
        self._events, self._log = events, log
        self.asked: list[Any] = []

    def facts_of(self, kind: str, namespace: str, name: str) -> ObjectFacts:
        self.asked.append((kind, namespace, name))
        if (kind, name) not in self._items:
            raise NotFound(name)
        return facts.facts_of(kind, self._items[kind, name], NOW)

    def facts_of_all(self, kind: str, namespace: str, selector: str) -> tuple[ObjectFacts, ...]:
        self.asked.append((kind, namespace, selector))
        return tuple(facts.facts_of(kind, item, NOW) for (of, _), item in self._items.items() if of == kind)

    def workload(self, kind: str, namespace: str, name: str) -> WorkloadFacts:
        found = self.facts_of(kind, namespace, name)
        assert isinstance(found, WorkloadFacts)
        return found

    def pod(self, namespace: str, name: str) -> PodFacts:
        found = self.facts_of("Pod", namespace, name)
        assert isinstance(found, PodFacts)
        return found

    def pods(self, namespace: str, selector: str) -> tuple[PodFacts, ...]:
        found = self.facts_of_all("Pod", namespace, selector)
        return tuple(pod for pod in found if isinstance(pod, PodFacts))

    def events(self, namespace: str, selector: str) -> tuple[EventFacts, ...]:
        self.asked.append((namespace, selector))
        if isinstance(self._events, Exception):
            raise self._events
        return self._events

    def log(self, namespace: str, pod: str, container: str, **how: Any) -> str:
        self.asked.append((namespace, pod, container, how))
        if isinstance(self._log, Exception):
            raise self._log
        return str(self._log)


def found(text: str, server: Server, *pods: Json, seconds: float = 0) -> Read:
    workloads = Workloads(tuple(facts.pod(pod, NOW) for pod in pods), {})
    now = TargetNow(WEB, workloads, None)
    cluster: Any = server
    values = {"pod": "web-1"}
    alert = Alert(fingerprint="f", starts_at="s", labels={**values, "alertname": "A", "namespace": "shop"})
    return read(cluster, command(text), now, (alert,), state=None, seconds=seconds)


def test_every_verb_either_reads_or_changes() -> None:
    assert all(bool(verb.reading) is not bool(verb.changing) for verb in VERBS)


def test_get_of_one_object_tells_its_facts() -> None:
    server = Server(("Deployment", a_deployment()))

    got = found("kubectl get deploy/{deployment} -n {namespace} -o wide", server)

    assert server.asked == [("Deployment", "shop", "web")]
    assert got.summary == "Deployment web: 1 of 2 available, 2 updated, revision 3"
    assert (got.facts["count"], got.facts["available"], got.facts["rolled_out"]) == (1, 1, False)
    assert found("kubectl get sts other -n {namespace}", server).facts == {"count": 0}


def test_get_of_a_kind_lists_what_a_selector_chooses_what_is_not_well_last() -> None:
    server = Server(("Pod", a_pod("web-1")), ("Pod", a_pod("web-2", ready=True)))

    got = found("kubectl get pods -n {namespace} -l app={deployment},tier!=db,!old", server)

    assert server.asked == [("Pod", "shop", "app=web,tier!=db,!old")]
    assert got.summary == "2 pods with app=web,tier!=db,!old, 1 of them not well"
    assert got.findings[0] == "web-2: Running"
    assert got.findings[1].startswith("web-1: Running, app waits")


def test_nodes_are_in_no_namespace() -> None:
    node = {"metadata": {"name": "node-1", "uid": "n"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    server = Server(("Node", node))

    assert found("kubectl get nodes", server).findings == ("node-1: Ready",)
    assert server.asked == [("Node", "", "")]
    assert found("kubectl get no node-1", server).facts["ready"] is True


def test_describe_tells_containers_conditions_and_events_the_newest_last() -> None:
    events = (an_event("BackOff", "later", last="2026-11-23T11:59:00Z", count=3), an_event("Pulled", "sooner"))
    conditions = [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]
    server = Server(("Pod", a_pod(conditions=conditions)), events=events)

    got = found("kubectl describe pod {pod} -n {namespace}", server)

    assert server.asked[1] == ("shop", "involvedObject.kind=Pod,involvedObject.name=web-1")
    assert got.summary.endswith("; 2 events, 2 of them of type Warning")
    assert (got.facts["restarts"], got.facts["reason BackOff"]) == (4, 3)
    assert got.findings[:2] == (
        "on node node-1",
        "container app: waiting (CrashLoopBackOff), image a:1, 4 restarts, last ended OOMKilled (137)",
    )
    assert "condition Ready is False (ContainersNotReady)" in got.findings
    assert got.findings[-2:] == ("Warning Pulled (1x) Pod web-1: sooner", "Warning BackOff (3x) Pod web-1: later")


def test_events_that_may_not_be_read_stop_no_description() -> None:
    server = Server(("Pod", a_pod()), events=Forbidden("events is forbidden"))

    assert found("kubectl describe po/{pod} -n {namespace}", server).findings[-1] == (
        "its events: unknown: events is forbidden"
    )


def test_logs_keep_the_last_lines_masked_and_without_colours() -> None:
    text = "".join(f"line {number}\n" for number in range(40)) + "\x1b[31mpassword=hunter2\x1b[0m\n"
    server = Server(("Pod", a_pod()), log=text)

    got = found("kubectl logs {pod} -n {namespace} -c {container} -p --tail=500 --since=10m", server, a_pod())

    how = {"lines": 20, "since_seconds": 600, "previous": True}
    assert server.asked[-1] == ("shop", "web-1", "app", how)
    assert len(got.findings) == 20
    assert got.findings[-2:] == ("line 39", "password=***")
    assert got.summary == "the last 20 lines of the previous container app of pod web-1"


def test_long_lines_of_a_log_are_cut_and_fewer_are_kept() -> None:
    server = Server(("Pod", a_pod()), log=("é" * 5_000 + "\n") * 20)

    kept = found("kubectl logs {pod} -n {namespace}", server, a_pod()).findings

    assert 0 < len(kept) < 10
    assert sum(len(line.encode()) for line in kept) <= 2_000


def test_logs_of_a_workload_are_those_of_the_alerts_pod() -> None:
    server = Server(("Deployment", a_deployment()), ("Pod", a_pod("web-0")), ("Pod", a_pod("web-1", ready=True)))

    found("kubectl logs deployment/{deployment} -n {namespace} -c log", server)

    assert server.asked[1] == ("Pod", "shop", "app=web")
    assert server.asked[-1][:3] == ("shop", "web-1", "log")


def test_a_log_that_is_not_there_is_what_was_found() -> None:
    waits = 'container "app" in pod "web-1" is waiting to start: trying and failing to pull image'

    assert found("kubectl logs {pod} -n {namespace}", Server(("Pod", a_pod()), log=Invalid(waits))).summary == (
        f"no log of container app of pod web-1: {waits}"
    )
    assert found("kubectl logs {pod} -n {namespace}", Server()).summary == "Pod shop/web-1 is not there"


def test_rollout_status_tells_how_far_it_is_and_waits_for_its_end() -> None:
    server = Server(("Deployment", a_deployment()))
    text = "kubectl rollout status deployment/{deployment} -n {namespace}"

    assert found(text, server).summary == (
        "Deployment shop/web: not rolled out: 1 of 2 available, 2 updated, revision 3"
    )
    assert len(server.asked) == 1
    found(f"{text} --watch=false", server, seconds=60)
    assert len(server.asked) == 2
    whole = Server(("Deployment", a_deployment(availableReplicas=2)))
    got = found(f"{text} --timeout=10s", whole, seconds=60)
    assert (got.facts["rolled_out"], len(whole.asked)) == (True, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kubectl get secrets -n {namespace}", "kubectl get is not done to the kind Secret"),
        ("kubectl get pods", "the command says no namespace"),
        ("kubectl get pods -n kube-system", 'the namespace is "kube-system"'),
        ("kubectl get pods -A", "the flag --all-namespaces is refused"),
        ("kubectl get pods -n {namespace} -l 'app in (a)'", '"app in (a)" is not a term of a label selector'),
        ("kubectl get pod a -n {namespace} -l app=web", "a name and a selector stand there together"),
        ("kubectl get pods -n {namespace} -l app=-", "the value of the label app"),
        ("kubectl get pod {deployment} -n {namespace}", "the name of a Pod cannot be {deployment}"),
        ("kubectl describe pods -n {namespace}", "the command names no Pod"),
        ("kubectl describe event x -n {namespace}", "kubectl describe is not done to the kind Event"),
        ("kubectl logs {pod} -n {namespace} -f", "the flag --follow is refused: a step ends"),
        ("kubectl logs {pod} -n {namespace} --tail=some", '--tail "some" is no number of lines'),
        ("kubectl logs {pod} -n {namespace} --since=soon", "--since: 'soon' is not a duration"),
        ("kubectl logs -n {namespace}", "kubectl logs names no resource"),
        ("kubectl rollout status pod/{pod} -n {namespace}", "kubectl rollout status is not done to the kind Pod"),
        ("kubectl rollout status deploy/web -n {namespace} --timeout=0s", "--timeout: '0s' lasts no time at all"),
    ],
)
def test_what_is_wrong_with_a_command_that_reads_is_said(text: str, said: str) -> None:
    report = Report("rb.md")

    assert parse_command(text, Values(report, 1)) is None
    assert any(said in diagnostic.problem for diagnostic in report.diagnostics), report.diagnostics


@pytest.mark.parametrize("value", ["a,b", "a b", "a=b", "{namespace}", "$(id)"])
def test_no_value_changes_what_a_selector_chooses(value: str) -> None:
    operation = command("kubectl get pods -n {namespace} -l app={deployment}")
    now = TargetNow(WEB.model_copy(update={"name": value}), Workloads((), {}), None)
    server = Server()
    cluster: Any = server

    with pytest.raises(StepFailed):
        read(cluster, operation, now, (), state=None)
    assert server.asked == []


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        ("kubectl get nodes", {("nodes", "list")}),
        ("kubectl get no x", {("nodes", "get")}),
        ("kubectl get jobs -n {namespace}", {("jobs", "list")}),
        ("kubectl describe sts x -n {namespace}", {("statefulsets", "get"), ("events", "list")}),
        ("kubectl logs {pod} -n {namespace}", {("pods", "get"), ("pods", "list"), ("pods/log", "get")}),
        ("kubectl rollout status ds/x -n {namespace}", {("daemonsets", "get")}),
    ],
)
def test_what_a_command_reads_is_what_it_needs(text: str, rights: set[tuple[str, str]]) -> None:
    needed = needs_of(command(text))

    assert {
        (resource, verb) for right in needed.rights for resource in right.resources for verb in right.verbs
    } == rights
    assert needed.writes == ()
