"""deploy/monitoring and docs/bridge.md say the same, and every runbook that ships has its alert. The end-to-end tests run the files."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runmend.runbook import load_directory

ROOT = Path(__file__).parents[2]
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


def test_the_route_takes_the_alerts_of_the_runbooks_that_ship_and_no_other() -> None:
    (route,) = shipped("alertmanager.yaml")["route"]["routes"]

    assert route["matchers"] == [f'alertname =~ "{"|".join(ALERTNAMES)}"']


def test_prometheus_loads_the_rules_that_ship() -> None:
    assert shipped("prometheus.yaml")["rule_files"] == ["rules.yaml"]
