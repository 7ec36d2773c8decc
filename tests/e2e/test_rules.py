"""deploy/monitoring/runmend-rules.yaml as promtool sees it: each alert about Runmend itself fires on the series that it
is for."""

import subprocess
from pathlib import Path

from tests.cluster.binaries import find
from tests.e2e.alert_chain import SHIPPED

TRIED = Path(__file__).with_name("runmend_rules.yaml")
OPTIONAL = Path(__file__).with_name("optional_rules.yaml")


def promtool(*arguments: str | Path) -> str:
    """What it prints; it must find nothing wrong."""
    done = subprocess.run([find("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert "14 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", SHIPPED / "runmend-rules.yaml")


def test_each_alert_fires_on_what_it_is_for_and_on_nothing_else() -> None:
    assert "SUCCESS" in promtool("test", "rules", TRIED)


def test_each_alert_of_an_optional_runbook_fires_on_what_it_is_for_and_on_nothing_else() -> None:
    rules = SHIPPED / "optional-rules.yaml"

    assert "7 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", rules)
    assert "SUCCESS" in promtool("test", "rules", OPTIONAL)


def test_a_limit_that_is_lost_would_be_noticed(tmp_path: Path) -> None:
    rules = (SHIPPED / "runmend-rules.yaml").read_text()
    loose = tmp_path / "runmend-rules.yaml"
    loose.write_text(rules.replace("> 0.5 * sum by (runbook)", "> 0 * sum by (runbook)"))
    tried = tmp_path / "tried.yaml"
    tried.write_text(TRIED.read_text().replace("../../deploy/monitoring/runmend-rules.yaml", str(loose)))

    done = subprocess.run([find("promtool"), "test", "rules", tried], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "RunmendRunbookFailsOften" in done.stderr + done.stdout
