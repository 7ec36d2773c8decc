"""Expressions over facts: what compiles, what is said of what does not, verdicts and their evidence."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runmend.core.frozen import Frozen
from runmend.facts.autoscaler import AutoscalerFacts
from runmend.facts.claim import ClaimFacts
from runmend.facts.event import EventFacts
from runmend.facts.expressions import ExpressionError, compiled, reference
from runmend.facts.groups import FUNCTIONS, GROUPS, OF_KINDS
from runmend.facts.node import NodeFacts, Taint
from runmend.facts.object import Condition, Owner
from runmend.facts.outside import ASKING
from runmend.facts.pod import ContainerFacts, PodFacts, Resources
from runmend.facts.schema import MODELS, described, facts_of, message
from runmend.facts.snapshot import Snapshot
from runmend.facts.step import StepFacts
from runmend.facts.target import TargetFacts
from runmend.facts.workload import WorkloadFacts
from runmend.language.states import STATES


def a_container(name: str = "app", **facts: object) -> ContainerFacts:
    values = {"name": name, "image": "x", "state": "running", "ready": True, "started": True} | facts
    return ContainerFacts.model_validate(values)


def a_pod(name: str, *containers: ContainerFacts, phase: str = "Running") -> PodFacts:
    return PodFacts(
        namespace="shop", name=name, uid=f"uid-{name}", phase=phase, containers=containers or (a_container(),)
    )


GOOD = a_pod("web-1")
BAD = a_pod("web-2", a_container(state="waiting", reason="ErrImagePull", ready=False, started=False), phase="Pending")
WORKLOAD = WorkloadFacts(
    kind="Deployment",
    namespace="shop",
    name="web",
    uid="d",
    resource_version="1",
    generation=2,
    observed_generation=2,
    revision=2,
    paused=False,
    replicas=3,
    updated=3,
    available=2,
    containers={"app": "x"},
    init_containers={},
)


def a_snapshot(*pods: PodFacts, **facts: object) -> Snapshot:
    return Snapshot(pods=pods, all_pods=pods, states=STATES, **facts)  # type: ignore[arg-type]


SNAPSHOT = a_snapshot(GOOD, BAD, pod=BAD, workload=WORKLOAD)
NODE = NodeFacts(
    name="node-1",
    uid="n",
    labels={"zone": "a"},
    taints=(Taint(key="gpu", effect="NoSchedule"),),
    cordoned_for=timedelta(hours=2),
    age=timedelta(days=1),
    said=(Condition(name="Ready", status="True"),),
    pods=(GOOD,),
)
EVENT = EventFacts(
    uid="e",
    reason="Unhealthy",
    message="Readiness probe failed",
    type="Warning",
    count=3,
    object_kind="Pod",
    object_name="web-1",
    object_uid="uid-web-1",
)
AUTOSCALER = AutoscalerFacts(
    namespace="shop",
    name="web",
    uid="h",
    age=timedelta(days=1),
    scales="Deployment/web",
    max_replicas=5,
    current_replicas=5,
    desired_replicas=5,
)
CLAIM = ClaimFacts(
    namespace="shop", name="data", uid="c", age=timedelta(days=1), phase="Bound", requested=2**30, capacity=2**30
)
EVERYTHING = a_snapshot(
    GOOD,
    BAD,
    target=TargetFacts(kind="Deployment", namespace="shop", name="web"),
    pod=BAD.model_copy(update={"age": timedelta(minutes=1)}),
    container=a_container(runs_for=timedelta(seconds=3), restarts=2, limits=Resources(cpu=100, memory=1024)),
    workload=WORKLOAD.model_copy(
        update={"age": timedelta(days=3), "revision_age": timedelta(hours=1), "previous_revision": 1}
    ),
    node=NODE,
    alert={"severity": "critical"},
    events=(EVENT,),
    restarts={},
    steps={"look": StepFacts(name="look", done=True, found=True, count=3, reasons={"Unhealthy": 3})},
)


@pytest.mark.parametrize(
    ("source", "holds", "evidence"),
    [
        ("pods.all(p, p.running)", False, "web-2: running is false (Pending, app waits (ErrImagePull))"),
        ("pods.exists(p, !p.running)", True, "web-2: running is false (Pending, app waits (ErrImagePull))"),
        ("pods.all(p, p.name != '')", True, "it holds of all 2 pods (name)"),
        ("pods.exists(p, p.restarts > 3)", False, "it holds of none of 2 pods (restarts)"),
        (
            "pods.all(p, p.containers.all(c, c.ready))",
            False,
            "web-2: app: ready is false (Pending, app waits (ErrImagePull))",
        ),
        ("pods.size() == 3", False, "2 pods"),
        ("pods.filter(p, p.running).size() >= 2", False, "pods.filter(p, p.running).size() is 1"),
        ("pods.exists_one(p, p.running)", True, "pods.exists_one(p, p.running) is true"),
        ("pods.map(p, p.name) == ['a']", False, "pods.map(p, p.name) is [web-1, web-2]"),
        ('waiting("ImagePullBackOff")', True, "web-2: app waits (ErrImagePull)"),
        ('!waiting("CrashLoopBackOff")', True, "no container waits in CrashLoopBackOff"),
        ("pod.running", False, "pod.running is false (Pending, app waits (ErrImagePull))"),
        ("pod.phase == 'Running' || restarted", False, 'pod.phase is "Pending" (Pending, app waits (ErrImagePull)); '),
        ("workload.available < workload.replicas", True, "workload.available is 2; workload.replicas is 3"),
        ("workload.unavailable > 0 && !workload.paused", True, "workload.unavailable is 1; workload.paused is false"),
        ("workload.containers['app'] == 'y'", False, 'workload.containers["app"] is "x"'),
        ("'app' in workload.containers", True, '"app" in workload.containers is true'),
        ("pod.containers[0].limits.memory == null", True, "pod.containers[0].limits.memory is null"),
        ("pod.phase in ['Running', 'Failed']", False, 'pod.phase is "Pending" (Pending, app waits (ErrImagePull))'),
        ("pods.exists(p, p.phase in ['Running'])", True, 'web-1: phase is "Running" (Running)'),
        ("pods.exists(p, p.phase in ['Failed'])", False, "it holds of none of 2 pods (phase)"),
        ("has(pod.owner)", False, "has(pod.owner) is false"),
        ("container.ready", None, "container.ready: there is no container"),
        ("workload.containers['x'] == 'y'", None, 'workload.containers["x"]: Key not found in map'),
        ("pod.containers[7].ready", None, "pod.containers[7].ready: Index error"),
        ("pod.containers[0].exit_code < 4", None, "a fact that is not there (null) was compared"),
        ("container.ready || pod.phase == 'Pending'", True, 'pod.phase is "Pending"'),
    ],
)
def test_a_verdict_comes_with_what_was_seen(source: str, holds: object, evidence: str) -> None:
    judged = compiled(source).judge(SNAPSHOT)

    assert judged.holds is holds
    assert evidence in judged.evidence


@pytest.mark.parametrize(
    ("source", "what", "place", "remedy"),
    [
        ("pods.all(p, p.runing)", "a Pod has no fact 'runing'", (1, 15), "did you mean 'running'?"),
        ("pds.size() > 1", "there is no 'pds'", (1, 1), "did you mean 'pods'?"),
        ("restarted &&\n  wating('x')", "there is no 'wating'", (2, 3), "did you mean 'waiting'?"),
        ("pod.restarts", "the expression is of type INT, and must be true or false", (1, 1), "compare it"),
        ("pod.name > 3", "found no matching overload for '_>_' applied to '(string, int)'", (1, 10), ""),
        ("pod.", "Syntax error: no viable alternative", (1, 5), ""),
        ("waiting(3)", "found no matching overload for 'waiting' applied to '(int)'", (1, 8), ""),
        ("events.all(e, e.ready)", "a Event has no fact 'ready'", (1, 17), "its facts are count, last_seen, message, "),
        ("", "Syntax error: mismatched input '<EOF>'", (1, 1), ""),
        ("a" * 2001, "the expression has 2001 characters, and at most 2000 are read", (1, 1), ""),
        ("pod.ready\x1b[2J", "the expression holds a character that cannot be seen", (1, 1), ""),
        ("(" * 200 + "true" + ")" * 200, "Expression recursion limit exceeded. limit: 32", (1, 1), ""),
    ],
)
def test_what_is_wrong_is_said_with_its_place(source: str, what: str, place: tuple[int, int], remedy: str) -> None:
    with pytest.raises(ExpressionError) as error:
        compiled(source)

    assert str(error.value).startswith(what)
    assert (error.value.line, error.value.column) == place
    assert error.value.remedy.startswith(remedy)


def test_an_expression_that_would_never_end_is_stopped_and_says_so() -> None:
    digits = "[1,2,3,4,5,6,7,8,9,10]"
    source = f"{digits}.all(a, " * 6 + "true" + ")" * 6
    judged = compiled(source).judge(SNAPSHOT)

    assert judged.holds is None
    assert "Iteration budget exceeded" in judged.evidence


def test_what_is_looked_at_for_the_evidence_is_bounded() -> None:
    many = tuple(a_pod(f"web-{number}", *(a_container(f"c{each}") for each in range(30))) for number in range(300))
    judged = compiled("pods.all(p, p.containers.exists(c, c.restarts > 3))").judge(a_snapshot(*many))

    assert judged.holds is False
    assert judged.evidence.startswith("web-0: it holds of none of 30 containers (restarts)")
    assert judged.evidence.endswith("and 295 more")


def test_new_is_told_by_uid_and_count_and_restarts_against_the_watermark() -> None:
    restarted = a_pod("web-1", a_container(restarts=3, last_termination="OOMKilled"))

    def holds(source: str, counted: dict[str, int], restarts: dict[str, int] | None) -> bool | None:
        snapshot = a_snapshot(restarted, events=(EVENT,), counted=counted, restarts=restarts)
        return compiled(source).judge(snapshot).holds

    assert holds('events.new("Unhealthy")', {}, {}) is True
    assert holds('events.new("Warning")', {"e": 2}, {}) is True
    assert holds('events.new("Unhealthy")', {"e": 3}, {}) is False
    assert holds('events.new("ImagePullBackOff")', {}, {}) is False
    assert holds("events.exists(e, e.new && e.type == 'Warning')", {"e": 2}, {}) is True
    assert holds("events.exists(e, e.new)", {"e": 3}, {}) is False
    assert holds("events.all(e, e.object_kind == 'Pod' && e.object_name == 'web-1')", {}, {}) is True
    assert holds("restarted", {}, {"uid-web-1/app": 3}) is False
    assert holds("restarted", {}, {"uid-web-1/app": 2}) is True
    assert holds("restarted", {}, None) is False
    assert holds('terminated("OOMKilled")', {}, None) is True


def test_it_tells_what_it_reads() -> None:
    expression = compiled('!events.new("ImagePullBackOff") && pods.all(p, p.running) && restarted')

    assert expression.groups == {"events", "pods", "restarted"}
    assert expression.named("new") == {"ImagePullBackOff"}
    assert expression.facts == {"running"}
    assert not expression.reads_each("events")
    assert compiled("events.exists(e, e.count > 3)").reads_each("events")
    assert compiled("node.ready && alert.severity == 'x'").groups == {"node", "alert"}
    assert compiled("node.pods.all(p, p.running)").reads("node", "pods")
    assert not compiled("node.ready && pods.size() > 0").reads("node", "pods")


def test_each_fact_each_group_and_each_function_is_described() -> None:
    assert {kind: fact.name for kind, model in MODELS.items() for fact, means in described(model) if not means} == {}
    assert {name for name, _, means in reference() if means} == {
        *GROUPS,
        *(each.example for each in (*FUNCTIONS, *ASKING)),
    }


@pytest.mark.parametrize(
    "value",
    [
        GOOD.model_copy(update={"owner": Owner(kind="ReplicaSet", name="web-1", uid="o"), "pull_secrets": ("a", "b")}),
        a_container(exit_code=0, limits=Resources(memory=1024)),
        WORKLOAD,
        NODE,
        EVENT,
    ],
)
def test_every_fact_reaches_an_expression_as_it_is(
    value: Frozen,
) -> None:
    made = message(value)
    for fact in facts_of(type(value)):
        found, given_ = getattr(made, fact.name), getattr(value, fact.name)
        if fact.of in (str, bool, int) and fact.shape == "one":
            assert found == given_, fact.name
        elif fact.shape == "map":
            assert dict(found) == given_, fact.name
        elif fact.shape == "list":
            assert len(found) == len(given_), fact.name
        else:
            assert made.HasField(fact.name) is (given_ is not None), fact.name


# Pieces from which most texts are nearly expressions, and some are.
_PIECES = st.sampled_from(
    [
        *GROUPS,
        *(fact.name for model in MODELS.values() for fact in facts_of(model)),
        *("waiting", "new", "all", "exists", "size", "p", "c", "(", ")", "()", "[", "]", "[0]", ".", ",", "!", "&&"),
        *(
            "||",
            "==",
            "<",
            "+",
            "?",
            ":",
            "'x'",
            "null",
            "0",
            "9223372036854775808",
            "true",
            " ",
            "\n",
            "\\",
            '"',
            "/*",
            "5m",
            "256Mi",
            "1h",
        ),
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=14).map("".join), st.lists(_PIECES, max_size=8).map(" ".join)))
def test_no_text_raises_anything_but_our_error_and_what_compiles_is_judged(source: str) -> None:
    try:
        expression = compiled(source)
    except ExpressionError as error:
        wrong = error
        assert (wrong.line >= 1, wrong.column >= 1, bool(str(wrong))) == (True, True, True)
        return
    before = repr(EVERYTHING)
    judged = expression.judge(EVERYTHING)

    assert judged.evidence
    assert repr(EVERYTHING) == before


_TESTS = {
    "bool": ("{path}", "!{path}"),
    "int": ("{path} > 1", "{path} == 0"),
    "int?": ("{path} == null", "{path} != 3"),
    "string": ("{path} == 'a'", "{path}.startsWith('w')"),
    "duration": ("{path} > 5m", "{path} <= 1h"),
    "duration?": ("{path} > 5m", "{path} == null"),
    "map(string, string)": ("{path}.size() == 0", "'x' in {path}"),
}
_ASKED = [
    (group if kind.shape == "one" else 'steps["look"]', fact, form)
    for group, kind in GROUPS.items()
    if kind.of in MODELS and kind.shape != "list"
    for fact in facts_of(MODELS[kind.of])
    for form in _TESTS.get(fact.type, ())
]


def _path_in(part: str) -> str:
    """As evidence names it: an earlier step by its own name."""
    found = re.search(r"\w+\.\w+", part.removeprefix("'x' in ").replace('steps["look"]', "look"))
    assert found
    return found[0]


@pytest.mark.parametrize("own", ["autoscaler", "claim"])
@given(asked=st.lists(st.sampled_from(_ASKED), min_size=1, max_size=4), joined=st.sampled_from([" && ", " || "]))
def test_the_evidence_names_every_fact_that_decided(
    own: str, asked: list[tuple[str, object, str]], joined: str
) -> None:
    everything = replace(EVERYTHING, own=AUTOSCALER if own == "autoscaler" else CLAIM)
    asked = [each for each in asked if each[0] == own or each[0] not in OF_KINDS]
    assume(asked)
    parts = [form.format(path=f"{group}.{fact.name}") for group, fact, form in asked]  # type: ignore[attr-defined]
    judged = compiled(joined.join(parts)).judge(everything)
    # Of what is joined, one side alone can decide; then it is the one that is named.
    deciding = [part for part in parts if compiled(part).judge(everything).holds is judged.holds]
    named = [part for part in deciding if _path_in(part) in judged.evidence]

    assert judged.holds is not None
    assert named == deciding


_SINGLE = {name: group.of for name, group in GROUPS.items() if group.of in MODELS and group.shape == "one"}


@pytest.mark.parametrize(
    ("group", "other"), [(group, other) for group in _SINGLE for other in MODELS if other != _SINGLE[group]]
)
def test_a_fact_of_one_kind_never_compiles_against_another(group: str, other: str) -> None:
    kind = _SINGLE[group]
    strange = {fact.name for fact in facts_of(MODELS[other])} - {fact.name for fact in facts_of(MODELS[kind])}
    for fact in sorted(strange):
        with pytest.raises(ExpressionError, match=f"a {kind} has no fact '{fact}'"):
            compiled(f"{group}.{fact} == {group}.{fact}")
