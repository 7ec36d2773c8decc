"""Credentials that rotate while a process runs: files that are replaced, plugins that are asked again."""

import http.server
import os
import ssl
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
import yaml
from kubernetes import client, config

from runmend.core.errors import Forbidden, Unreachable
from runmend.kube import connection
from runmend.kube.client import Cluster
from runmend.kube.connection import Connection, NotConfigured

PLUGIN = """\
#!{python}
import json, pathlib
here = pathlib.Path({here!r})
here.joinpath("asked").open("a").write(".")
status = json.loads(here.joinpath("status.json").read_text())
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""


class Api(http.server.ThreadingHTTPServer):
    """Answers `/version` to who shows the token, or the certificate, that is good now, and counts what it is asked."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"
        self.good = ""
        self.asked = 0


class _Asked(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        api = cast("Api", self.server)
        api.asked += 1
        shown = self.headers.get("Authorization", "").lower().removeprefix("bearer ")
        if isinstance(self.connection, ssl.SSLSocket) and (certificate := self.connection.getpeercert()):
            shown = dict(part[0] for part in cast("Any", certificate["subject"]))["commonName"]
        body = b'{"gitVersion": "v1.36.3"}' if shown == api.good else b'{"message": "Unauthorized"}'
        self.send_response(200 if shown == api.good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Api]:
    with Api(tls) as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as served:
        yield served


def kubeconfig(folder: Path, url: str, user: dict[str, Any], **cluster: object) -> Path:
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def plugin(folder: Path) -> dict[str, Any]:
    path = folder / "plugin"
    path.write_text(PLUGIN.format(python=sys.executable, here=str(folder)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(path),
            "interactiveMode": "Never",
        }
    }


def test_a_token_file_that_was_replaced_is_read_again(api: Api, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(api.good + "one")
    api.good = "one"
    cluster = Cluster.connect(kubeconfig=kubeconfig(tmp_path, api.url, {"tokenFile": str(token)}))
    assert cluster.version() == "v1.36.3"

    token.write_text("two")
    api.good = "two"
    assert [cluster.version(), cluster.version()] == ["v1.36.3", "v1.36.3"]

    assert api.asked == 4  # the second one twice
    cluster.close()


def test_credentials_that_stay_refused_are_not_authenticated_after_two_tries(api: Api, tmp_path: Path) -> None:
    cluster = Cluster.connect(kubeconfig=kubeconfig(tmp_path, api.url, {"token": "old"}))

    with pytest.raises(Forbidden, match=r"^GET version: 401: Unauthorized$") as refused:
        cluster.version()

    assert (refused.value.reason, api.asked) == ("not authenticated", 2)
    cluster.close()


def test_what_cannot_be_read_anew_leaves_what_was_there(api: Api, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, api.url, {"token": "one"})
    cluster = Cluster.connect(kubeconfig=path)
    path.write_text("half a kube")

    with pytest.raises(Forbidden):
        cluster.version()
    api.good = "one"

    assert cluster.version() == "v1.36.3"
    cluster.close()


def test_a_plugin_that_names_no_end_is_asked_again_when_its_token_is_refused(api: Api, tmp_path: Path) -> None:
    status = tmp_path / "status.json"
    status.write_text('{"token": "one"}')
    api.good = "one"
    cluster = Cluster.connect(kubeconfig=kubeconfig(tmp_path, api.url, plugin(tmp_path)))
    assert [cluster.version(), cluster.version()] == ["v1.36.3", "v1.36.3"]
    assert (tmp_path / "asked").read_text() == "."

    status.write_text('{"token": "two"}')
    api.good = "two"

    assert cluster.version() == "v1.36.3"
    assert (tmp_path / "asked").read_text() == ".."
    cluster.close()


def test_a_plugin_is_asked_again_before_its_token_ends(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REFRESH_SECONDS", 0.0)
    status = tmp_path / "status.json"
    status.write_text('{"token": "one", "expirationTimestamp": "2026-01-01T00:00:00Z"}')
    cluster = Cluster.connect(kubeconfig=kubeconfig(tmp_path, api.url, plugin(tmp_path)))

    status.write_text('{"token": "two", "expirationTimestamp": "2999-01-01T00:00:00Z"}')
    api.good = "two"

    assert [cluster.version(), cluster.version()] == ["v1.36.3", "v1.36.3"]
    assert api.asked == 2  # none was refused
    cluster.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, *, client_certificate: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if client_certificate:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def issue(authority: trustme.CA, name: str, folder: Path) -> None:
    made = authority.issue_cert(f"{name}.example", common_name=name)
    made.private_key_pem.write_to_path(folder / "client.key")
    made.cert_chain_pems[0].write_to_path(folder / "client.crt")


def test_client_certificates_that_were_replaced_on_disk_are_read_again(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    issue(authority, "one", tmp_path)
    user = {"client-certificate": str(tmp_path / "client.crt"), "client-key": str(tmp_path / "client.key")}
    with serving(tls(authority, client_certificate=True)) as api:
        api.good = "one"
        trusted = {"certificate-authority": str(tmp_path / "ca.crt")}
        cluster = Cluster.connect(kubeconfig=kubeconfig(tmp_path, api.url, user, **trusted))
        assert cluster.version() == "v1.36.3"

        issue(authority, "two", tmp_path)
        api.good = "two"

        assert cluster.version() == "v1.36.3"
        cluster.close()


def test_an_authority_that_was_replaced_is_read_again(authority: trustme.CA, tmp_path: Path) -> None:
    trusted = tmp_path / "ca.crt"
    trustme.CA().cert_pem.write_to_path(trusted)
    with serving(tls(authority, client_certificate=False)) as api:
        api.good = "one"
        path = kubeconfig(tmp_path, api.url, {"token": "one"}, **{"certificate-authority": str(trusted)})
        cluster = Cluster.connect(kubeconfig=path)
        with pytest.raises(Unreachable, match="certificate verify failed"):
            cluster.version()

        authority.cert_pem.write_to_path(trusted)

        assert cluster.version() == "v1.36.3"
        cluster.close()


def test_in_a_pod_the_token_is_read_again_when_it_is_refused(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    monkeypatch.setattr(config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setattr(config.incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(config.incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    with serving(tls(authority, client_certificate=False)) as api:
        api.good = "one"
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", api.url.rpartition(":")[2])
        cluster = Cluster.connect()
        assert cluster.version() == "v1.36.3"

        token.write_text("two")
        api.good = "two"

        assert cluster.version() == "v1.36.3"
        cluster.close()


def test_another_current_context_later_leads_to_no_other_cluster(api: Api, tmp_path: Path) -> None:
    with serving() as other:
        path = kubeconfig(tmp_path, api.url, {"token": "one"})
        api.good = other.good = "one"
        cluster = Cluster.connect(kubeconfig=path)
        assert cluster.version() == "v1.36.3"

        content = yaml.safe_load(path.read_text())
        content["clusters"].append({"name": "prod", "cluster": {"server": other.url}})
        content["contexts"].append({"name": "prod", "context": {"cluster": "prod", "user": "me"}})
        path.write_text(yaml.safe_dump(content | {"current-context": "prod"}))
        api.good = "two"
        with pytest.raises(Forbidden):
            cluster.version()
        content["clusters"][0]["cluster"]["server"] = other.url
        path.write_text(yaml.safe_dump(content))
        with pytest.raises(Forbidden):
            cluster.version()

        assert (other.asked, cluster.host) == (0, api.url)
        cluster.close()


def test_a_context_that_is_named_needs_no_current_one(api: Api, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, api.url, {"token": "one"})
    content = yaml.safe_load(path.read_text())
    del content["current-context"]
    path.write_text(yaml.safe_dump(content))
    api.good = "one"

    cluster = Cluster.connect(kubeconfig=path, context="here")

    assert cluster.version() == "v1.36.3"
    cluster.close()
    with pytest.raises(NotConfigured, match="cannot be used: "):
        Cluster.connect(kubeconfig=path)


def test_a_kubeconfig_that_is_gone_leads_to_no_pods_account(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kubeconfig(tmp_path, api.url, {"token": "one"})
    monkeypatch.setattr(config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    monkeypatch.setattr(config.incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(config.incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "token"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    (tmp_path / "token").write_text("one")
    cluster = Cluster.connect()
    path.unlink()

    with pytest.raises(Forbidden):
        cluster.version()

    assert cluster.host == api.url
    cluster.close()


def test_refused_credentials_are_not_read_anew_for_every_request(api: Api, tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"token": "one"}')
    cluster = Cluster.connect(kubeconfig=kubeconfig(tmp_path, api.url, plugin(tmp_path)))

    for _ in range(3):
        with pytest.raises(Forbidden):
            cluster.version()

    assert (tmp_path / "asked").read_text() == ".."
    cluster.close()


def test_credentials_are_looked_at_once_for_many_requests_and_again_later(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration: Any = client.Configuration()
    path = str(kubeconfig(tmp_path, api.url, {"token": "one"}))
    config.load_kube_config(path, client_configuration=configuration)  # type: ignore[no-untyped-call]
    api.good = "one"
    known, looked = configuration.refresh_api_key_hook, []

    def refresh(given: client.Configuration) -> None:
        looked.append(given)
        known(given)

    configuration.refresh_api_key_hook = refresh
    cluster = Cluster(Connection(lambda: configuration))
    for _ in range(3):
        cluster.version()
    once = len(looked)
    monkeypatch.setattr(connection, "REFRESH_SECONDS", 0.0)
    for _ in range(2):
        cluster.version()
    cluster.close()

    assert (once, len(looked)) == (1, 3)


def test_a_kubeconfig_that_is_too_large_or_no_file_is_not_read(api: Api, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, api.url, {"token": "one"})
    large, pipe = tmp_path / "large", tmp_path / "pipe"
    large.write_text(path.read_text() + "#" * 4 * 1024 * 1024)
    os.mkfifo(pipe)

    for wrong, why in ((large, "it has more than 4194304 bytes"), (pipe, "it is no regular file")):
        with pytest.raises(NotConfigured, match=f"the kubeconfig {wrong} cannot be read: .*{why}"):
            Cluster.connect(kubeconfig=wrong)
