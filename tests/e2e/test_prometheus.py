"""What a real Prometheus answers to expressions, to the question whether an alert fires, and to `runmend backtest`."""

import asyncio
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from runmend.cli.main import run
from runmend.core.settings import Settings
from runmend.facts.outside import Question, filled
from runmend.outside.fetching import NoAnswer
from runmend.outside.prometheus import Prometheus
from runmend.runs.backtesting import backtest
from tests.cluster.api import eventually
from tests.cluster.binaries import find
from tests.cluster.processes import Processes, clean_environment, free_port, processes
from tests.world import SEED, seed_plan

ALERT = {"alertname": "KubePodImagePullBackOff", "namespace": "shop", "pod": "web-6b9f7d8c5-x2xzk", "added": "later"}
HOSTILE = (
    '"} or vector(1) or up{a="',
    "'} or vector(1) or up{a='",
    "\\",
    '\\"',
    "a|.*",
    ".*",
    "(",
    "[a-",
    "{namespace}",
    "`",
    "$^",
    "ü",
)


@dataclass
class Real:
    """A Prometheus with one rule."""

    running: Processes
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> Prometheus:
        return Prometheus(self.url)

    def rule(self, expression: str) -> None:
        """Write the alert's rule, and have it read."""
        labels = {name: value for name, value in ALERT.items() if name not in ("alertname", "added")}
        rule = {"alert": ALERT["alertname"], "expr": expression, "labels": labels}
        (self.folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))

    def read_again(self) -> None:
        self.running.tell("prometheus", signal.SIGHUP)


@pytest.fixture(scope="module")
def real_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("prometheus")
    with processes(folder) as running:
        this = Real(running, folder, free_port())
        this.rule("vector(1)")
        config = {
            "global": {"evaluation_interval": "1s", "scrape_interval": "1s"},
            "rule_files": [str(folder / "rules.yaml")],
            "scrape_configs": [{"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{this.port}"]}]}],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        argv: list[str | Path] = [
            find("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{this.port}",
        ]
        running.start("prometheus", argv, clean_environment())
        running.ready("prometheus", lambda: _is_ready(this.url))
        yield this


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def value(of: Real, query: str) -> float:
    return asyncio.run(of.asked.value(query))


def fires(of: Real, labels: dict[str, str], pods: tuple[str, ...] = ()) -> Any:
    """Whether it fires; the words where that is not known."""
    try:
        return asyncio.run(of.asked.fires(labels, pods))
    except NoAnswer as error:
        return str(error)


def test_values_and_samples(real_one: Real) -> None:
    assert value(real_one, "scalar(vector(0.25))") == 0.25
    eventually(lambda: value(real_one, 'sum(up{job="self"}) or vector(0)') == 1)
    (sample,) = asyncio.run(real_one.asked.samples("up"))
    assert sample.labels["job"] == "self"
    for query, why in {
        "up{": "answers 400: .*parse error",
        'up{job="nobody"}': "has no sample for it",
        "vector(0) / vector(0)": "no number",
        "up[5m]": "no vector and no scalar",
    }.items():
        with pytest.raises(NoAnswer, match=why):
            value(real_one, query)


@pytest.mark.parametrize("matcher", ["=", "=~"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_label_is_a_value_and_nothing_else(real_one: Real, matcher: str, hostile: str) -> None:
    query = filled(
        Question("prometheus", f'count(up{{job{matcher}"{{alert.job}}"}}) or vector(7)'), {"alert.job": hostile}
    )

    assert value(real_one, query) == 7


def test_an_alert_fires_and_then_no_longer_does_and_its_runs_are_counted(
    real_one: Real, capsys: pytest.CaptureFixture[str]
) -> None:
    other_pod = ALERT | {"pod": "web-6b9f7d8c5-gone5"}
    eventually(lambda: fires(real_one, ALERT) is True)
    assert fires(real_one, other_pod, (ALERT["pod"],)) is True
    for unknown in (other_pod, ALERT | {"namespace": "pay"}, ALERT | {"alertname": "Other"}):
        assert "has not known" in fires(real_one, unknown)

    real_one.rule("vector(1) > 2")
    real_one.read_again()
    eventually(lambda: fires(real_one, ALERT) is False)

    assert run(["backtest", str(SEED), "--prometheus", real_one.url, "--since", "10m", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] <= 1  # it may have fired between two looks
    query, now = f'ALERTS{{alertname="{ALERT["alertname"]}",alertstate="firing"}}', datetime.now(UTC)
    second = timedelta(seconds=1)
    series = asyncio.run(real_one.asked.series(query, now - timedelta(minutes=5), now, second))
    told = backtest(seed_plan(), series, Settings(), second.total_seconds())
    assert (told.alerts, told.runs, told.at_once) == (1, 1, 1)
    assert [one.name for one in told.targets] == ["Pod shop/web-*"]
