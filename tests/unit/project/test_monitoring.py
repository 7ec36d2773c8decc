"""deploy/monitoring and the pages in docs/ say the same, every runbook that ships has its alert, and every metric that
a rule names is one that the code exports. The end-to-end tests run the files.
"""

import re
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from prometheus_client import CollectorRegistry

from runmend.bridge.metrics import Metrics
from runmend.bridge.triage import Answer
from runmend.core.outcomes import Outcome
from runmend.core.telemetry import METRICS
from runmend.runbook import load_directory

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "deploy" / "monitoring"
DOCS = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
IN_DOCS = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)]
ALERTNAMES = sorted(plan.alertname for plan in load_directory(ROOT / "runbooks").plans.values())


def shipped(name: str) -> Any:
    return yaml.safe_load((SHIPPED / name).read_text(encoding="utf-8"))


def rules() -> dict[str, Any]:
    """Alert → its rule."""
    groups = shipped("rules.yaml")["groups"]
    assert [group["name"] for group in groups] == ["runmend-runbooks"]
    return {rule["alert"]: rule for rule in groups[0]["rules"]}


def test_alertmanager_is_documented_as_it_ships() -> None:
    (documented,) = [block for block in IN_DOCS if "route" in block]

    assert documented == shipped("alertmanager.yaml")


def test_the_rule_is_documented_as_it_ships() -> None:
    ((documented,),) = [block for block in IN_DOCS if isinstance(block, list)]

    assert documented == {key: value for key, value in rules()[documented["alert"]].items() if key != "annotations"}


@pytest.mark.parametrize("alertname", ALERTNAMES)
def test_a_runbook_that_ships_has_a_rule_with_a_summary(alertname: str) -> None:
    assert rules()[alertname]["annotations"]["summary"]


def test_no_rule_ships_without_a_runbook() -> None:
    assert sorted(rules()) == ALERTNAMES


def test_each_optional_runbook_has_a_rule_that_is_tried_and_no_other_has() -> None:
    plans = load_directory(ROOT / "optional-runbooks").plans.values()
    (group,) = shipped("optional-rules.yaml")["groups"]
    tried = (ROOT / "tests" / "e2e" / "optional_rules.yaml").read_text(encoding="utf-8")

    assert sorted(rule["alert"] for rule in group["rules"]) == sorted(plan.alertname for plan in plans)
    assert all(f'alertname="{rule["alert"]}"' in tried for rule in group["rules"])
    named = {word for rule in group["rules"] for word in re.findall(r"RB_\w+", rule["annotations"]["description"])}
    assert named == {plan.runbook_id for plan in plans}


def test_the_route_takes_the_alerts_of_the_runbooks_that_ship_and_no_other() -> None:
    (route,) = shipped("alertmanager.yaml")["route"]["routes"]

    assert route["matchers"] == [f'alertname =~ "{"|".join(ALERTNAMES)}"']


def test_prometheus_loads_the_rules_that_ship() -> None:
    assert shipped("prometheus.yaml")["rule_files"] == ["rules.yaml", "runmend-rules.yaml"]
    assert all((SHIPPED / name).is_file() for name in shipped("prometheus.yaml")["rule_files"])


# The rules about Runmend itself


class Described(Protocol):
    """A metric of prometheus_client, as far as it is looked at here."""

    _labelnames: tuple[str, ...]
    _type: str


SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
ADDED = {"job", "instance"}
"""The labels that Prometheus gives to every series."""
ITSELF: list[dict[str, Any]] = shipped("runmend-rules.yaml")["groups"][0]["rules"]
TRIED: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "e2e" / "runmend_rules.yaml").read_text(encoding="utf-8")
)["tests"]
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
WORDS = {"sum", "max", "min", "by", "and", "increase", "absent"}


def registered(registry: CollectorRegistry) -> dict[str, Described]:
    """The metrics of a registry, by the names that they were given and of what type."""
    collectors: dict[Any, list[str]] = registry._collector_to_names
    return {f"{made._name}{'_total' if made._type == 'counter' else ''}": made for made in collectors}


EXPORTED = registered(METRICS) | registered(Metrics().registry)
SERIES = {
    f"{name.removesuffix('_total')}{suffix}": {*metric._labelnames, *(("le",) if suffix == "_bucket" else ())}
    for name, metric in EXPORTED.items()
    for suffix in SUFFIXES[metric._type]
} | {"up": set[str]()}


def parts(expression: str) -> tuple[set[str], set[str]]:
    """The series that an expression names, and the labels that it selects or groups by."""
    labels = {
        name
        for braces in re.findall(r"{([^}]*)}", expression)
        for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", braces)
    }
    labels |= {name for group in re.findall(r"by \(([^)]*)\)", expression) for name in re.findall(r"\w+", group)}
    bare = re.sub(r"{[^}]*}|by \([^)]*\)|\[\w+\]", " ", expression)
    return set(re.findall(r"\b[a-z_]+\b", bare)) - WORDS, labels


@pytest.mark.parametrize("rule", ITSELF, ids=lambda rule: rule["alert"])
def test_a_rule_about_runmend_names_series_and_labels_that_the_code_exports(rule: dict[str, Any]) -> None:
    named, labels = parts(rule["expr"])

    assert named
    assert named <= SERIES.keys()
    assert labels <= {label for name in named for label in SERIES[name]} | ADDED


@pytest.mark.parametrize("rule", ITSELF, ids=lambda rule: rule["alert"])
def test_a_rule_about_runmend_says_what_it_is_how_bad_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description"}
    assert f"| `{rule['alert']}` | {rule['labels']['severity']} |" in PAGE


@pytest.mark.parametrize("rule", ITSELF, ids=lambda rule: rule["alert"])
def test_a_rule_about_runmend_is_tried_with_series_that_fire_it_and_its_words_use_labels_that_it_has(
    rule: dict[str, Any],
) -> None:
    expected = [
        sample["labels"] for test in TRIED for query in test["promql_expr_test"] for sample in query["exp_samples"]
    ]
    (fired, *_) = [
        labels for labels in expected if f'alertname="{rule["alert"]}"' in labels and 'alertstate="firing"' in labels
    ]
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))

    assert used <= set(re.findall(r"(\w+)=", fired))


def test_a_runbook_fails_by_the_outcomes_that_fail_a_run_and_no_other() -> None:
    (rule,) = [rule for rule in ITSELF if rule["alert"] == "RunmendRunbookFailsOften"]

    failing = {outcome.value for outcome in Outcome if not outcome.completes and outcome is not Outcome.CANCELLED}
    assert [set(one.split("|")) for one in re.findall(r'outcome=~"([^"]*)"', rule["expr"])] == [failing, failing]


def test_the_answers_states_and_jobs_of_the_rules_are_there() -> None:
    text = " ".join(rule["expr"] for rule in ITSELF)
    jobs = {job["job_name"] for job in shipped("prometheus.yaml")["scrape_configs"]}

    assert set(re.findall(r'answer="([^"]*)"', text)) <= {answer.value for answer in Answer}
    assert set(re.findall(r'state="([^"]*)"', text)) == {"loaded", "broken"}
    assert set(re.findall(r'job="([^"]*)"', text)) == {"runmend-bridge", "runmend-worker"} <= jobs


def test_the_page_has_every_metric_with_its_labels_and_type_and_no_other() -> None:
    rows = re.findall(r"^\| `(runmend_\w+)(?:{([^}]*)})?` \| (\w+) \|", PAGE, re.MULTILINE)

    documented = {(name, tuple(labels.split(",")) if labels else (), kind) for name, labels, kind in rows}
    assert documented == {(name, tuple(metric._labelnames), metric._type) for name, metric in EXPORTED.items()}


def test_the_page_has_every_alert_and_no_other() -> None:
    assert re.findall(r"^\| `(Runmend\w+)` \|", PAGE, re.MULTILINE) == [rule["alert"] for rule in ITSELF]
