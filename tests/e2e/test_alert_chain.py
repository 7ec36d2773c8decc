"""From a Deployment of a missing image to a run that mends it: kube-state-metrics, Prometheus, Alertmanager, bridge,
Temporal, worker.

All of it is real, and nothing is done by hand but to create the Deployment: no test starts a run or posts a webhook.
Only a run's own clock is moved past its window, because the wait is not what these tests are about. What is made for
more than one test breaks at once, so that the waits overlap.
"""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.builders import FALLBACK, a_deployment
from tests.cluster.api import Cluster, Namespace, eventually
from tests.cluster.binaries import find
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_port, processes, wait_for
from tests.e2e.alert_chain import ALERTMANAGERS, SHIPPED, AlertChain
from tests.e2e.installation import Installation, Temporal
from tests.e2e.shop import Shop

# In seconds: what waits for an outage of a minute, or for an alert that ends a minute after its pod, takes longer than
# other tests.
pytestmark = pytest.mark.timeout(240)
ALERT = "KubePodImagePullBackOff"
AN_OUTAGE = 70
"""The ten seconds that an alert waits for others of its group, and a minute of deliveries that fail."""
AT_MOST = 150
RESOLVED = ("noted", "no open run")


@dataclass(frozen=True)
class Broken:
    """A Deployment web that was just created, and its pods' names."""

    namespace: Namespace
    pods: frozenset[str]


@pytest.fixture(scope="module")
def chain(
    real: Cluster,
    kubectl: Kubectl,
    temporal: Temporal,
    accounts: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AlertChain]:
    """The whole chain, with a worker and a bridge of its own."""
    folder = tmp_path_factory.mktemp("chain")
    with processes(folder) as running:
        installed = Installation(running, folder, temporal, accounts, cluster="chain")
        own, of_worker, of_bridge = (free_port() for _ in range(3))
        installed.start_worker(RUNMEND_METRICS_PORT=str(own), RUNMEND_SDK_METRICS_PORT=str(of_worker))
        installed.start_bridge(RUNMEND_SDK_METRICS_PORT=str(of_bridge))
        scraped = {
            "runmend-bridge": [installed.bridge_url().removeprefix("http://")],
            "runmend-worker": [f"127.0.0.1:{own}"],
            "runmend-sdk": [f"127.0.0.1:{of_worker}", f"127.0.0.1:{of_bridge}"],
        }
        started = AlertChain(running, folder, installed, scraped)
        started.start(real, kubectl)
        yield started


@pytest.fixture(scope="module")
def broken(real: Cluster) -> Iterator[dict[str, Broken]]:
    """`pair` and `single`: two Deployments, of two pods and of one."""
    with real.namespace() as pair, real.namespace() as single:
        yield {"pair": deploy(pair, replicas=2), "single": deploy(single, replicas=1)}


def deploy(namespace: Namespace, *, replicas: int) -> Broken:
    """Create a Deployment web of an image that is missing."""
    namespace.create("deployments", a_deployment(replicas=replicas))
    names = eventually(lambda: frozenset(names) if len(names := namespace.names("pods")) == replicas else None)
    assert names
    return Broken(namespace, names)


class Story(Shop):
    """What becomes of a broken Deployment by itself."""

    def __init__(self, broken: Broken, chain: AlertChain, client: Client) -> None:
        super().__init__(broken.namespace, chain.installation, client)
        self.chain = chain
        self.pods_at_first = broken.pods

    async def runs(self) -> int:
        """How many runs there have been for the Deployment."""
        return len([run async for run in self.client.list_workflows(f"WorkflowId = '{self.run().id}'")])

    async def is_closed(self) -> bool:
        """Whether the Deployment's latest run is closed; it must be there."""
        return (await self.run().describe()).close_time is not None

    def until_started(self) -> None:
        """Wait until the bridge has started a run."""
        eventually(lambda: "started" in self.firing())

    def firing(self, *pods: str) -> list[str]:
        """The bridge's answers to the firing alerts of these pods, of all where none is named, oldest first."""
        about = frozenset(pods) or self.pods_at_first
        return [each.answer for each in self.chain.answered(about) if each.answer not in RESOLVED]

    def until_told_of_the_end(self) -> list[str]:
        """Wait until both Alertmanagers have told the bridge that each pod's alert is resolved; the answers."""

        def look() -> list[str] | None:
            told = [each for each in self.chain.answered(self.pods_at_first) if each.answer in RESOLVED]
            counts = Counter(each.pod for each in told)
            enough = all(counts[pod] >= len(ALERTMANAGERS) for pod in self.pods_at_first)
            return [each.answer for each in told] if enough else None

        return eventually(look, patience_s=AT_MOST) or []

    async def resolved_by_itself(self) -> None:
        """Wait until the run has resolved, its window passed over, unless that was waited for before."""
        self.until_started()
        if not await self.is_closed():
            await self.pass_window()
        result = await self.completed()
        assert result.outcome == "resolved", result.summary


@pytest.fixture
def pair(chain: AlertChain, broken: dict[str, Broken], client: Client) -> Story:
    return Story(broken["pair"], chain, client)


@pytest.fixture
def single(chain: AlertChain, broken: dict[str, Broken], client: Client) -> Story:
    return Story(broken["single"], chain, client)


async def test_a_deployment_of_a_missing_image_is_mended_without_a_hand(pair: Story) -> None:
    await pair.resolved_by_itself()

    assert pair.images() == {"app": FALLBACK}
    assert len(pair.until_running(2)) == 2
    pair.assert_wrote(1)


async def test_two_pods_whose_alerts_two_alertmanagers_deliver_make_one_run(pair: Story, chain: AlertChain) -> None:
    pair.until_started()
    eventually(lambda: all(chain.delivered(each) for each in ALERTMANAGERS))
    eventually(lambda: all(len(pair.firing(pod)) >= len(ALERTMANAGERS) for pod in pair.pods_at_first))

    for pod in pair.pods_at_first:
        first, *more = pair.firing(pod)
        assert first in ("started", "joined")
        assert set(more) == {"known"}
    assert await pair.runs() == 1
    assert chain.refused() == {}


async def test_prometheus_knows_of_the_run_the_alerts_and_the_worker_and_nothing_is_wrong_with_runmend(
    pair: Story, chain: AlertChain
) -> None:
    await pair.resolved_by_itself()

    resolved = 'sum by (job) (runmend_runs_ended_total{runbook="RB_IMAGEPULL", outcome="resolved"})'
    eventually(lambda: chain.asked(resolved).get("runmend-worker", 0) >= 1)
    assert chain.asked("sum by (job) (runmend_time_to_fix_seconds_count)") == chain.asked(resolved)
    assert (
        chain.asked('runmend_activity_try_seconds_count{activity="patch_image", result="completed"}')["runmend-worker"]
        >= 1
    )
    assert chain.asked('sum by (job) (runmend_alerts_total{answer="started"})')["runmend-bridge"] >= 1
    assert chain.asked('runmend_workers_polling{task_queue="runmend-chain"}') == {"runmend-bridge": 1}
    assert (
        chain.asked('sum by (job) (temporal_request{operation="SignalWithStartWorkflowExecution"})')["runmend-sdk"] >= 1
    )
    assert chain.asked("sum by (job) (temporal_workflow_task_execution_latency_count)")["runmend-sdk"] >= 1
    assert set(chain.scraped().values()) == {"up"}
    assert chain.about_runmend() == []


async def test_what_fires_while_the_bridge_is_down_is_run_when_it_is_back(
    real: Cluster, chain: AlertChain, client: Client
) -> None:
    with real.namespace() as namespace:
        assert chain.processes.stop(chain.installation.process("bridge")) == 0
        try:
            story = Story(deploy(namespace, replicas=1), chain, client)
            eventually(lambda: all(chain.holds(each, namespace.name) for each in ALERTMANAGERS))
            (alert,) = chain.alerts(namespace.name)
            assert alert["state"] == "firing"
            began, failed = time.monotonic(), {each: chain.failed(each) for each in ALERTMANAGERS}
            wait_for("the outage", lambda: time.monotonic() > began + AN_OUTAGE, AT_MOST)
            assert all(chain.failed(each) > before for each, before in failed.items())
            assert chain.alerts(namespace.name) == [alert], "it has fired all the while"
            with pytest.raises(RPCError) as absent:
                await story.run().describe()
            assert absent.value.status is RPCStatusCode.NOT_FOUND
        finally:
            chain.installation.start_bridge()

        await story.resolved_by_itself()
        assert await story.runs() == 1
        assert chain.refused() == {}


async def test_a_run_in_its_window_is_told_that_its_alert_is_resolved_and_goes_on(
    single: Story, chain: AlertChain
) -> None:
    assert set(single.until_told_of_the_end()) == {"noted"}

    assert chain.alerts(single.name) == []
    assert not await single.is_closed()
    await single.resolved_by_itself()
    assert await single.runs() == 1


async def test_a_resolved_alert_of_a_closed_run_starts_nothing(pair: Story, chain: AlertChain) -> None:
    await pair.resolved_by_itself()

    assert set(pair.until_told_of_the_end()) == {"no open run"}

    assert chain.alerts(pair.name) == []
    assert await pair.runs() == 1


# The files that ship, as promtool and amtool see them


def tool(name: str, *arguments: object) -> str:
    """What a program prints, which must succeed."""
    done = subprocess.run([find(name), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_finds_nothing_wrong_with_the_files_that_ship() -> None:
    rules = len(yaml.safe_load((SHIPPED / "rules.yaml").read_text())["groups"][0]["rules"])
    for file in ("prometheus.yaml", "compose/prometheus.yaml"):
        assert f"{rules} rules found" in tool(
            "promtool", "check", "config", "--lint=all", "--lint-fatal", SHIPPED / file
        )


def test_amtool_finds_nothing_wrong_with_the_files_that_ship() -> None:
    for file in ("alertmanager.yaml", "compose/alertmanager.yaml"):
        assert "SUCCESS" in tool("amtool", "check-config", SHIPPED / file)


@pytest.mark.parametrize(
    ("alertname", "receiver"), [(ALERT, "runmend"), (f"{ALERT}2", "nobody"), ("Watchdog", "nobody")]
)
def test_only_the_alert_of_the_runbook_goes_to_the_bridge(alertname: str, receiver: str) -> None:
    config = f"--config.file={SHIPPED / 'alertmanager.yaml'}"

    assert tool("amtool", "config", "routes", "test", config, f"alertname={alertname}", "namespace=shop").split() == [
        receiver
    ]


def test_the_alert_neither_flaps_with_the_reason_nor_outlives_its_pod_by_more_than_a_minute(tmp_path: Path) -> None:
    labels = {"namespace": "shop", "pod": "web-1", "uid": "u", "container": "app"}
    fires = {
        "exp_labels": {"alertname": ALERT, **labels, "reason": "ImagePullBackOff"},
        "exp_annotations": annotations(labels),
    }

    def series(reason: str, values: str) -> dict[str, str]:
        told = ", ".join(f'{name}="{value}"' for name, value in {**labels, "reason": reason}.items())
        return {"series": f"kube_pod_container_status_waiting_reason{{{told}}}", "values": values}

    # A scrape each 15 s: three minutes of a reason that alternates, then the pod is gone. What a scrape finds no more
    # is stale.
    test = {
        "interval": "15s",
        "input_series": [
            series("ImagePullBackOff", "1 1 stale " * 4 + "stale"),
            series("ErrImagePull", "stale stale 1 " * 4 + "stale"),
        ],
        "alert_rule_test": [
            *({"eval_time": f"{second}s", "alertname": ALERT, "exp_alerts": []} for second in (0, 45)),
            *({"eval_time": f"{second}s", "alertname": ALERT, "exp_alerts": [fires]} for second in range(60, 210, 15)),
            *({"eval_time": f"{second}s", "alertname": ALERT, "exp_alerts": []} for second in (225, 300)),
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(SHIPPED / "rules.yaml")], "evaluation_interval": "15s", "tests": [test]})
    )

    assert "SUCCESS" in tool("promtool", "test", "rules", file)


def annotations(labels: dict[str, str]) -> dict[str, str]:
    """The annotations that ship, for an alert with these labels."""
    rules = yaml.safe_load((SHIPPED / "rules.yaml").read_text())["groups"][0]["rules"]
    (rule,) = [each for each in rules if each["alert"] == ALERT]
    return {
        name: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)
        for name, text in rule["annotations"].items()
    }
