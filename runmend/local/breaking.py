"""`runmend break`: trouble in the embedded cluster of a `runmend dev` that runs, and the alert for it.

An embedded cluster is told by its kubeconfig, which it wrote itself, and by the version that it answers. Every other
cluster is refused.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any, Final

import httpx
from rich.console import Console
from rich.text import Text

from runmend.alerts.alert import Target
from runmend.bridge.security import read_token
from runmend.core.errors import PermanentError
from runmend.core.names import dns_label
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection
from runmend.local.addresses import read_addresses
from runmend.local.demo.broken import SCENARIOS, Breaking, Broken, webhook
from runmend.local.sandbox.discovery import MARK
from runmend.local.sandbox.sandbox import may_be_overwritten

_BRIDGE: Final = "http://127.0.0.1:8080"
_WEBHOOK_SECONDS: Final = 30
_ONLY: Final = "only the embedded cluster of `runmend dev` can be broken; export the KUBECONFIG that it prints"


class NotBroken(PermanentError):
    """Nothing was broken, or its alert was not taken."""


async def make_trouble(
    out: Console, settings: Settings, scenario: str, *, namespace: str, name: str, kubeconfig: Path | None, alert: bool
) -> int:
    """Break a Deployment, or a node that it runs on, and post the alert for it as Alertmanager would.

    Args:
        out: where it is told.
        settings: the installation's.
        scenario: what to break, one of `SCENARIOS`.
        namespace: where.
        name: of the Deployment; one that is there already is replaced.
        kubeconfig: of the embedded cluster; None: the one in KUBECONFIG, else the one that `runmend dev` has written
            below this directory.
        alert: whether to post the alert; otherwise the command that does is told.

    Raises:
        RunmendError: it is no embedded cluster, it did not do as it should, or the bridge did not take the alert.
    """
    for value in (namespace, name):
        try:
            dns_label(value)
        except ValueError as error:
            raise NotBroken(f"{error}") from error
    file = kubeconfig or _kubeconfig()
    connection = _embedded(file)
    cluster = Cluster(connection)
    try:
        _check_version(cluster)
        wanted = SCENARIOS[scenario]
        out.print(Text(f"breaking Deployment {namespace}/{name}{', or its node' if wanted.node else ''}: {scenario}"))
        broken = await Breaking(connection, cluster, namespace=namespace, name=name).make(wanted)
    finally:
        cluster.close()
    _tell(out, broken)
    body = webhook(broken, cluster=settings.cluster, since=datetime.now(UTC))
    if settings.cluster_label:
        for each in body["alerts"]:
            each["labels"][settings.cluster_label] = settings.cluster
    noted = read_addresses(file.parent)
    if alert and noted is not None:
        await _post(out, settings, noted.bridge, body, broken.target)
        return 0
    _tell_how(out, settings, noted.bridge if noted else None, body, file.parent)
    return 0


def _kubeconfig() -> Path:
    named = os.environ.get("KUBECONFIG", "")
    if os.pathsep in named:
        raise NotBroken(f"KUBECONFIG names several files, {named}; {_ONLY}")
    file = Path(named or ".runmend/kubeconfig")
    if not file.is_file():
        where = f"KUBECONFIG {named} is not there" if named else "KUBECONFIG is not set, and nothing is at " + str(file)
        raise NotBroken(f"{where}; {_ONLY}")
    return file


def _embedded(file: Path) -> Connection:
    """A connection by an embedded cluster's own kubeconfig; the user's contexts and variables have no say."""
    if not file.is_file() or not may_be_overwritten(file):
        raise NotBroken(f"{file} is not the kubeconfig of an embedded cluster; {_ONLY}")
    connection = Connection.to(file, None)
    host = httpx.URL(connection.host).host
    if host != "127.0.0.1":
        raise NotBroken(f"{file} leads to {host}, which is not this machine; {_ONLY}")
    return connection


def _check_version(cluster: Cluster) -> None:
    version = cluster.version()
    if not version.endswith(f"+{MARK}"):
        raise NotBroken(f"{cluster.host} is a Kubernetes {version} and no embedded cluster; {_ONLY}")


def _tell(out: Console, broken: Broken) -> None:
    out.print(Text(str(broken)))
    for name, words, _ in broken.parts:
        out.print(Text(f"  {name}: {words}"))


async def _post(out: Console, settings: Settings, bridge: str, body: dict[str, Any], target: Target) -> None:
    token = read_token(settings)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_WEBHOOK_SECONDS) as sender:
            answer = await sender.post(f"{bridge}/alerts", json=body, headers=headers)
    except httpx.HTTPError as error:
        raise NotBroken(f"it is broken, but the bridge at {bridge} did not take its alert: {error!r}") from error
    if answer.is_error:
        raise NotBroken(f"it is broken, but the bridge at {bridge} answered {answer.status_code}: {answer.text[:300]}")
    alerts = answer.json()["alerts"]
    out.print(Text(f"Posted {body['groupLabels']['alertname']} to {bridge}/alerts, which answered:"))
    for line in dict.fromkeys(f"  {each['answer']}: {each['why']}" for each in alerts):
        out.print(Text(line), soft_wrap=True)
    if any(each.get("run") for each in alerts):
        out.print(Text(f"Follow it: runmend show {target.short} --follow"))


def _tell_how(out: Console, settings: Settings, bridge: str | None, body: dict[str, Any], folder: Path) -> None:
    """The command that posts the alert, with the alert in a file beside the kubeconfig."""
    file = folder / "alert.json"
    file.write_text(json.dumps(body, indent=1), encoding="utf-8")
    if bridge is None:
        out.print(Text("No `runmend dev` works beside this kubeconfig; once a bridge listens, this posts the alert:"))
    else:
        out.print(Text("This posts the alert:"))
    given = f' -H "Authorization: Bearer $(cat {quote(str(settings.token_file))})"' if settings.token_file else ""
    posts = f"curl -sS {bridge or _BRIDGE}/alerts -H 'Content-Type: application/json'{given} -d @{quote(str(file))}"
    out.print(Text(f"  {posts}"), soft_wrap=True)
