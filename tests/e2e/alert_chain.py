"""kube-state-metrics, Prometheus and two Alertmanagers as processes, on the files of deploy/monitoring, posting to a
bridge."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.api import Cluster
from tests.cluster.binaries import find
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes, clean_environment, free_port
from tests.e2e.installation import Installation, account

SHIPPED = Path(__file__).parents[2] / "deploy" / "monitoring"
ACCOUNT = "kube-state-metrics"
MONITORING = "runmend-tests-monitoring"
"""The namespace of kube-state-metrics' account."""
ALERTMANAGERS = ("alertmanager-0", "alertmanager-1")
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Answered:
    """What the bridge answered to one alert of one webhook."""

    pod: str
    answer: str


class AlertChain:
    """All between a cluster and a bridge.

    Args:
        running: where its processes run.
        folder: for its files; it must exist.
        installation: whose bridge gets the webhooks; the bridge must have been started once, so that it has its port.
        scraped: of `prometheus.yaml` each job about Runmend itself → the addresses that are scraped.
    """

    def __init__(
        self, running: Processes, folder: Path, installation: Installation, scraped: dict[str, list[str]]
    ) -> None:
        self.processes = running
        self.installation = installation
        self._folder = folder
        self._ours = scraped
        self._metrics, self._prometheus = free_port(), free_port()
        self._alertmanagers = {name: free_port() for name in ALERTMANAGERS}

    def start(self, cluster: Cluster, kubectl: Kubectl) -> None:
        """Start all of it, and wait until Prometheus has scraped kube-state-metrics."""
        kubectl("apply", "-f", "-", text=yaml.safe_dump_all(_rights()))
        self._start_metrics(account(cluster, self._folder, ACCOUNT, MONITORING))
        # Before Prometheus: an alert that it cannot deliver comes again only after a minute.
        for name in ALERTMANAGERS:
            self._start_alertmanager(name)
        self._start_prometheus()
        self.processes.ready("prometheus", lambda: self.scraped().get(f"127.0.0.1:{self._metrics}") == "up")

    # What they know

    def alerts(self, namespace: str) -> list[dict[str, Any]]:
        """Prometheus' alerts about a namespace, pending and firing."""
        found = _get(f"{self._at_prometheus}/api/v1/alerts").json()["data"]["alerts"]
        return [alert for alert in found if alert["labels"].get("namespace") == namespace]

    def about_runmend(self) -> list[str]:
        """The alerts about Runmend itself that fire."""
        found = _get(f"{self._at_prometheus}/api/v1/alerts").json()["data"]["alerts"]
        return [
            alert["labels"]["alertname"]
            for alert in found
            if alert["state"] == "firing" and "namespace" not in alert["labels"]
        ]

    def asked(self, expression: str) -> dict[str, float]:
        """What Prometheus answers to an expression: the job's label → the value, which must be one for each."""
        found = _get(f"{self._at_prometheus}/api/v1/query", {"query": expression}).json()["data"]["result"]
        values = {each["metric"].get("job", ""): float(each["value"][1]) for each in found}
        assert len(values) == len(found), found
        return values

    def scraped(self) -> dict[str, str]:
        """Prometheus' targets: the address → "up", or what is wrong."""
        targets = _get(f"{self._at_prometheus}/api/v1/targets").json()["data"]["activeTargets"]
        return {target["labels"]["instance"]: target["lastError"] or target["health"] for target in targets}

    def holds(self, alertmanager: str, namespace: str) -> bool:
        """Whether an Alertmanager has an alert about a namespace."""
        about = {"filter": f'namespace="{namespace}"'}
        return bool(_get(f"http://127.0.0.1:{self._alertmanagers[alertmanager]}/api/v2/alerts", about).json())

    def delivered(self, alertmanager: str) -> float:
        """How many webhooks an Alertmanager has delivered."""
        counted = self._counted(alertmanager, "alertmanager_notification_requests_total")
        return counted - self._counted(alertmanager, "alertmanager_notification_requests_failed_total")

    def failed(self, alertmanager: str) -> float:
        """How many notifications an Alertmanager has given up, after several attempts at each; it begins anew with the
        next."""
        return self._counted(alertmanager, "alertmanager_notifications_failed_total")

    def refused(self) -> dict[str, float]:
        """Status → how many webhooks the bridge that runs now has not answered with 200."""
        samples = _samples(f"{self.installation.bridge_url()}/metrics", "runmend_webhooks_total")
        return {labels["status"]: value for labels, value in samples if labels["status"] != "200" and value}

    def answered(self, pods: frozenset[str]) -> list[Answered]:
        """What the bridge has answered to alerts about these pods, oldest first."""
        return [each for each in _answers(self.installation.log("bridge")) if each.pod in pods]

    # Its parts

    @property
    def _at_prometheus(self) -> str:
        return f"http://127.0.0.1:{self._prometheus}"

    def _counted(self, alertmanager: str, name: str) -> float:
        samples = _samples(f"http://127.0.0.1:{self._alertmanagers[alertmanager]}/metrics", name)
        return sum(value for labels, value in samples if labels["integration"] == "webhook")

    def _start_metrics(self, kubeconfig: Path) -> None:
        argv: list[str | Path] = [
            find("kube-state-metrics"),
            f"--kubeconfig={kubeconfig}",
            "--resources=pods",
            "--host=127.0.0.1",
            f"--port={self._metrics}",
        ]
        argv += ["--telemetry-host=127.0.0.1", f"--telemetry-port={free_port()}"]
        self.processes.start("kube-state-metrics", argv, clean_environment())
        self.processes.ready("kube-state-metrics", lambda: _answers_ok(f"http://127.0.0.1:{self._metrics}/livez"))

    def _start_alertmanager(self, name: str) -> None:
        folder = self._folder / name
        folder.mkdir()
        config = folder / "alertmanager.yaml"
        config.write_text(
            yaml.safe_dump(
                alertmanager_config(f"{self.installation.bridge_url()}/alerts", self.installation.token_file)
            )
        )
        port = self._alertmanagers[name]
        argv = [str(find("alertmanager")), f"--config.file={config}", f"--storage.path={folder / 'data'}"]
        # No gossip, so that each of the two delivers what it has.
        argv += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        self.processes.start(name, argv, clean_environment())
        self.processes.ready(name, lambda: _answers_ok(f"http://127.0.0.1:{port}/-/ready"))

    def _start_prometheus(self) -> None:
        folder = self._folder / "prometheus"
        folder.mkdir()
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules()))
        (folder / "runmend-rules.yaml").write_text((SHIPPED / "runmend-rules.yaml").read_text())
        targets = [f"127.0.0.1:{port}" for port in self._alertmanagers.values()]
        config = prometheus_config(f"127.0.0.1:{self._metrics}", targets, self._ours)
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        argv: list[str | Path] = [
            find("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
        ]
        argv += [f"--web.listen-address=127.0.0.1:{self._prometheus}"]
        self.processes.start("prometheus", argv, clean_environment())
        self.processes.ready("prometheus", lambda: _answers_ok(f"{self._at_prometheus}/-/ready"))


# The files that ship


def shipped(name: str) -> Any:
    """A file of deploy/monitoring."""
    return yaml.safe_load((SHIPPED / name).read_text())


def rules() -> Any:
    """The rules that ship, with a shorter time before an alert fires."""
    return changed(shipped("rules.yaml"), {("groups", 0, "rules", 0, "for"): "3s"})


def prometheus_config(metrics: str, alertmanagers: list[str], ours: dict[str, list[str]]) -> Any:
    """Prometheus' configuration that ships, with other addresses and shorter times. No name server knows the Services'
    names here."""
    changes: dict[Place, Any] = {
        ("global", "scrape_interval"): "1s",
        ("global", "evaluation_interval"): "1s",
        ("alerting", "alertmanagers", 0, "static_configs", 0, "targets"): alertmanagers,
        ("scrape_configs", 0, "static_configs", 0, "targets"): [metrics],
    }
    config = changed(shipped("prometheus.yaml"), changes)
    asked = [job for job in config["scrape_configs"] if job.pop("dns_sd_configs", None)]
    assert {job["job_name"] for job in asked} == ours.keys()
    for job in asked:
        job["static_configs"] = [{"targets": ours[job["job_name"]]}]
    return config


def alertmanager_config(url: str, token_file: Path) -> Any:
    """Alertmanager's configuration that ships, with another bridge and shorter times."""
    webhook: Place = ("receivers", 1, "webhook_configs", 0)
    changes: dict[Place, Any] = {
        ("route", "routes", 0, "group_interval"): "5s",
        (*webhook, "url"): url,
        (*webhook, "http_config", "authorization", "credentials_file"): str(token_file),
    }
    return changed(shipped("alertmanager.yaml"), changes)


def changed(document: Any, changes: Mapping[Place, Any]) -> Any:
    """A document with other values at places that it has already."""
    for path, value in changes.items():
        place = document
        for key in path[:-1]:
            place = place[key]
        assert path[-1] in place, f"{path} is not there"
        place[path[-1]] = value
    return document


# Small things


def _rights() -> list[dict[str, Any]]:
    """An account that may look at pods, and at nothing else."""
    named = {"name": f"{MONITORING}-{ACCOUNT}"}
    rbac, subject = "rbac.authorization.k8s.io", {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": MONITORING}
    may = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
    role = {"apiGroup": rbac, "kind": "ClusterRole", **named}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MONITORING}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": MONITORING}},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": named, "rules": [may]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": named,
            "roleRef": role,
            "subjects": [subject],
        },
    ]


def _get(url: str, query: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(url, params=query, trust_env=False, timeout=5).raise_for_status()


def _answers_ok(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _samples(url: str, name: str) -> list[tuple[dict[str, str], float]]:
    """The labels and values of a metric that a server exposes."""
    families = text_string_to_metric_families(_get(url).text)
    return [(sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name]


def _answers(log: str) -> Iterator[Answered]:
    for line in log.splitlines():
        if " alerts answered " in line:
            told = {key: json.loads(value) for key, value in _PAIR.findall(line)}
            yield from (Answered(pod, told["answer"]) for pod in told["pods"].split())
