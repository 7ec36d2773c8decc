"""Values that are taken from what was observed, and what calculations make of them."""

from typing import Any

import pytest

from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.kube import facts
from runmend.kube.owners import Workloads
from runmend.language.derived import BY_NAME, DERIVED, values_of
from runmend.language.target import TargetNow
from runmend.plan.plan import DERIVED_PLACEHOLDERS, Step
from runmend.plan.values import Value, known
from tests.unit.language.test_effects import a_workload
from tests.unit.revisions import a_revision
from tests.unit.runbook.test_calculations import MAX, SET, compiled

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
POD = PodFacts(
    namespace="shop",
    name="web-1",
    uid="p",
    phase="Running",
    node="node-1",
    service_account="shopkeeper",
    containers=(ContainerFacts(name="app", image="a:1", state="running"),),
)


def step(command: str, *items: str) -> Step:
    made, said = compiled(command, *items)
    assert made, said
    return made


def observed(made: Step, *limits: str | None, revisions: int = 2, pod: str = "web-1") -> dict[str, Value]:
    """The step's values by name and container, of a Deployment whose containers have these memory limits."""
    containers: list[dict[str, Any]] = [
        {"name": name, "image": "a:1", "resources": {"limits": {"memory": limit, "cpu": "0.25"}} if limit else {}}
        for name, limit in zip(("app", "log"), limits or ("256Mi",), strict=False)
    ]
    item = a_workload(containers)
    item["metadata"]["uid"] = "web"
    sets = {found.uid: found for found in map(a_revision, range(1, revisions + 1))}
    workloads = Workloads((POD,), sets)
    workload = facts.deployment(item).model_copy(update={"revision": revisions})
    now = TargetNow(WEB, workloads, workloads.with_revisions(workload), item)
    return {f"{value.name}/{value.container}".strip("/"): value for value in values_of(made, now, pod)}


def env(*names: str) -> str:
    words = " ".join(f"{name.upper()}={{{name}}}" for name in names)
    return f"kubectl set env deployment/{{deployment}} {words} -n {{namespace}}"


def test_the_table_is_what_the_compiler_takes_for_placeholders() -> None:
    assert {derived.name for derived in DERIVED} - {"node"} == DERIVED_PLACEHOLDERS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("owner", "web"),
        ("node", "node-1"),
        ("service_account", "shopkeeper"),
        ("replicas", "2"),
        ("current_revision", "3"),
        ("previous_revision", "2"),
    ],
)
def test_each_is_taken_from_what_was_observed(name: str, text: str) -> None:
    assert observed(step(env(name)), revisions=3)[name].text == text


@pytest.mark.parametrize(("name", "text"), [("image", "a:1"), ("current_limit", "512Mi")])
def test_a_containers_own_is_taken_from_the_template(name: str, text: str) -> None:
    found = observed(step(env(name)), "0.5Gi", "512Mi")

    assert [found[f"{name}/{container}"].text for container in ("app", "log")] == [text, text]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("job", "the target is a Deployment"),
        ("previous_revision", "Deployment shop/web has no earlier revision than 1"),
        ("current_request/app", "container app has no memory request in the template"),
    ],
)
def test_one_that_cannot_be_told_says_why(name: str, why: str) -> None:
    value = observed(step(env(name.partition("/")[0])), revisions=1)[name]

    assert (value.text, value.words) == ("", why)


@pytest.mark.parametrize("name", ["node", "service_account"])
def test_what_is_the_pods_cannot_be_told_when_it_is_gone(name: str) -> None:
    assert observed(step(env(name)), pod="web-9")[name].words == "the alert's pod is not there any more"


def test_a_command_that_asks_for_nothing_is_told_nothing() -> None:
    assert observed(step("kubectl rollout restart deployment/{deployment} -n {namespace}")) == {}


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("64Mi", "new_limit = 256Mi: max(256Mi, current_limit 64Mi * 2), at most 4Gi"),
        ("256Mi", "new_limit = 512Mi: max(256Mi, current_limit 256Mi * 2), at most 4Gi"),
        ("3Gi", "new_limit = 4Gi: max(256Mi, current_limit 3Gi * 2), at most 4Gi"),
    ],
)
def test_a_calculation_is_told_with_its_operands(limit: str, told: str) -> None:
    assert observed(step(SET, f"- **calculation**: {MAX} (max 4Gi)"), limit)["new_limit/app"].in_words == told


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (None, "it needs current_limit: container app has no memory limit in the template"),
        ("4Gi", "current_limit is 4Gi already, and the bound is 4Gi"),
        ("8Gi", "current_limit is 8Gi already, and the bound is 4Gi"),
    ],
)
def test_a_calculation_that_cannot_help_says_why(limit: str | None, why: str) -> None:
    value = observed(step(SET, f"- **calculation**: {MAX} (max 4Gi)"), limit)["new_limit/app"]

    assert (value.text, value.words) == ("", why)


def test_each_container_has_its_own() -> None:
    found = observed(step(SET, f"- **calculation**: {MAX}"), "256Mi", "1Gi")

    assert [found[f"new_limit/{container}"].text for container in ("app", "log")] == ["512Mi", "2Gi"]


def test_a_processor_is_calculated_where_one_is_set() -> None:
    command = SET.replace("memory={new_limit}", "cpu={more}")

    found = observed(step(command, "- **calculation**: `more = current_limit * 3`"))

    assert found["more/app"].in_words == "more = 750m: current_limit 250m * 3"


def test_a_later_calculation_takes_the_earlier_ones_result() -> None:
    items = "- **calculation**:\n  - `new_limit = current_limit * 2`\n  - `ask = new_limit / 2`"

    found = observed(step(f"{SET} --requests=memory={{ask}}", items))

    assert found["ask/app"].in_words == "ask = 256Mi: new_limit 512Mi / 2"


def test_a_value_that_could_not_be_told_stops_the_step_when_it_is_asked_for() -> None:
    values = known({"pod": "web-1"}, [Value(name="node", words="the pod was given to no node")], "")

    assert values["pod"] == "web-1"
    with pytest.raises(PreconditionFailed, match="node cannot be told: the pod was given to no node"):
        values["node"]
    with pytest.raises(KeyError):
        values["other"]


def test_every_value_is_documented() -> None:
    assert all(derived.doc for derived in BY_NAME.values())
