"""`runmend break`: trouble in the embedded cluster, and in no other."""

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from runmend.alerts.labels import subject_of
from runmend.bridge.webhook import WebhookAlert
from runmend.cli.commands.embedded import Scenario, Trouble
from runmend.cli.main import run
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.breaking import NotBroken, make_trouble
from runmend.local.demo.broken import SCENARIOS, Breaking, webhook
from runmend.local.sandbox import Sandbox
from runmend.local.shipped import shipped_runbooks
from runmend.runbook.loader import load_directory

ONLY = "only the embedded cluster of `runmend dev` can be broken; export the KUBECONFIG that it prints"


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with Sandbox() as sandbox:
        yield sandbox.write_kubeconfig(tmp_path_factory.mktemp("sandbox") / "kubeconfig")


def test_the_command_offers_every_scenario_and_the_demo_those_that_its_runbook_is_shown_with() -> None:
    assert [each.value for each in Trouble] == list(SCENARIOS)
    assert {each.value for each in Scenario} <= {name for name, each in SCENARIOS.items() if each.expects}


def test_each_runbook_that_ships_is_shown_by_a_scenario() -> None:
    plans = load_directory(shipped_runbooks()).plans.values()
    shown = {each.alertname for each in SCENARIOS.values() if each.expects}

    assert [plan.runbook_id for plan in plans if not shown & set(plan.alertnames)] == []
    assert shown <= {alertname for plan in plans for alertname in plan.alertnames}


async def test_every_scenario_comes_into_the_trouble_that_it_tells_of(kubeconfig: Path) -> None:
    connection = Connection.to(kubeconfig, None)
    cluster = Cluster(connection)
    making = {
        name: Breaking(connection, cluster, namespace="all", name=name).make(each)
        for name, each in SCENARIOS.items()
        if not each.node
    }
    made = await asyncio.gather(*making.values())
    cluster.close()

    seen = {name: len(broken.there) for name, broken in zip(making, made, strict=True)}
    # A rollout goes on while its new pods are ready for a second.
    assert seen.pop("bad-program") in (1, 2)
    assert seen == {name: 2 for name in making if name != "bad-program"} | {"bad-rollout": 1}
    assert all(pod.not_ready for pod in made[list(making).index("not-ready")].pods)


async def test_a_node_is_broken_after_what_was_broken_before_is_well_again(kubeconfig: Path) -> None:
    connection = Connection.to(kubeconfig, None)
    cluster = Cluster(connection)
    said = {}
    for name in ("node-not-ready", "node-unschedulable"):
        broken = await Breaking(connection, cluster, namespace="nodes").make(SCENARIOS[name])
        others = [each["metadata"]["name"] for each in cluster.list_of("Node", "")]
        others.remove(broken.target.name)
        assert all(cluster.node(other).takes_pods for other in others), "one alone is broken"
        assert broken.node
        assert broken.there, "somebody runs on it"
        said[name] = (str(broken.target), broken.node.in_words.partition(" (")[0], broken.node.cordoned_by)
        [alert] = webhook(broken)["alerts"]
        about = subject_of(alert["labels"])
        assert (about.kind, about.name) == ("Node", broken.target.name)
    cluster.close()

    assert said == {
        "node-not-ready": ("Node node-0", "node-0: NotReady", ""),
        "node-unschedulable": ("Node node-0", "node-0: Ready, SchedulingDisabled", "runmend"),
    }


async def test_a_deployment_that_is_there_is_replaced_and_its_alert_is_another_episode(kubeconfig: Path) -> None:
    connection = Connection.to(kubeconfig, None)
    cluster = Cluster(connection)
    deployment = Breaking(connection, cluster, namespace="again")
    episodes = []
    for _ in range(2):
        body = webhook(await deployment.make(SCENARIOS["bad-image"]), since=datetime.now(UTC))
        alerts = [WebhookAlert.model_validate(each).alert for each in body["alerts"]]
        episodes += [alert.episode for alert in alerts]
    cluster.close()

    assert len(set(episodes)) == 4


async def test_without_a_bridge_the_command_that_posts_the_alert_is_told(kubeconfig: Path) -> None:
    said = await broken(kubeconfig, alert=True)

    file = kubeconfig.parent / "alert.json"
    assert f"  curl -sS http://127.0.0.1:8080/alerts -H 'Content-Type: application/json' -d @{file}\n" in said
    assert [each["labels"]["namespace"] for each in json.loads(file.read_text())["alerts"]] == ["quiet", "quiet"]


async def test_a_bridge_that_is_gone_is_said_after_what_was_broken(kubeconfig: Path) -> None:
    noted = kubeconfig.parent / "dev.json"
    noted.write_text(json.dumps({"bridge": "http://127.0.0.1:1"}))
    with pytest.raises(
        NotBroken, match=r"it is broken, but the bridge at http://127\.0\.0\.1:1 did not take its alert"
    ):
        await broken(kubeconfig, alert=True)
    noted.unlink()


async def broken(kubeconfig: Path, *, alert: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, width=1000)
    await make_trouble(
        console, Settings(), "bad-image", namespace="quiet", name="web", kubeconfig=kubeconfig, alert=alert
    )
    return out.getvalue()


def a_kubeconfig(path: Path, server: str, name: str) -> Path:
    """What another cluster's kubeconfig looks like."""
    cluster, user = {"name": name, "cluster": {"server": server}}, {"name": name, "user": {"token": "t"}}
    context = {"name": name, "context": {"cluster": name, "user": name}}
    head = {"apiVersion": "v1", "kind": "Config", "current-context": name}
    path.write_text(json.dumps({**head, "clusters": [cluster], "users": [user], "contexts": [context]}))
    return path


@pytest.mark.parametrize(
    ("server", "name", "says"),
    [
        ("https://prod.example:6443", "prod", "kubeconfig is not the kubeconfig of an embedded cluster; "),
        ("https://prod.example:6443", "sandbox", "kubeconfig leads to prod.example, which is not this machine; "),
    ],
)
def test_another_clusters_kubeconfig_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], server: str, name: str, says: str
) -> None:
    file = a_kubeconfig(tmp_path / "kubeconfig", server, name)

    assert run(["break", "bad-image", "--kubeconfig", str(file)]) == 1
    assert f"{says}{ONLY}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("", "KUBECONFIG is not set, and nothing is at .runmend/kubeconfig; "),
        ("/nowhere/config", "KUBECONFIG /nowhere/config is not there; "),
        ("/a:/b", "KUBECONFIG names several files, /a:/b; "),
    ],
)
def test_without_a_kubeconfig_it_says_where_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", variable)

    assert run(["break", "bad-image"]) == 1
    assert capsys.readouterr().err == f"runmend: error: {says}{ONLY}\n"


class _Real(BaseHTTPRequestHandler):
    """A cluster of somebody's that listens on loopback, as kind does it."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(f"GET {self.path}")
        body = b'{"gitVersion": "v1.36.3"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_cluster_on_loopback_that_is_no_embedded_one_is_asked_for_its_version_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Real) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("KUBECONFIG", str(a_kubeconfig(tmp_path / "kubeconfig", address, "sandbox")))
        assert run(["break", "bad-image"]) == 1
        server.shutdown()

    assert f"{address} is a Kubernetes v1.36.3 and no embedded cluster; {ONLY}\n" in capsys.readouterr().err
    assert _Real.asked == ["GET /version"]


def test_a_name_that_kubernetes_would_refuse_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["break", "bad-image", "--name", "Web_1"]) == 1
    assert "'Web_1' is" in capsys.readouterr().err
