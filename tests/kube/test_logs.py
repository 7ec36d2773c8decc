"""How a container's log is asked for, and read: it is no JSON, and may hold any bytes."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes import client as api

from runmend.core.errors import Invalid
from runmend.kube.client import LOG_BYTES, Cluster
from runmend.kube.connection import Connection

SAID = "two\nlines ✓\n".encode() + b"\xff\x00\n"
WAITS = b'{"kind":"Status","message":"container \\"app\\" in pod \\"web-1\\" is waiting to start: ContainerCreating"}'


class Api(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        waits = "/web-1/" not in self.path
        self.send_response(400 if waits else 200)
        self.end_headers()
        self.wfile.write(WAITS if waits else SAID)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    Api.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with closing(Cluster(Connection(lambda: api.Configuration(host=address)))) as connected:
            yield connected
        server.shutdown()


def test_a_log_is_asked_for_by_lines_and_bytes_and_read_whatever_it_holds(cluster: Cluster) -> None:
    text = cluster.log("shop", "web-1", "app", lines=20, since_seconds=60, previous=True)

    assert text == "two\nlines ✓\n\ufffd\x00\n"
    asked = urlsplit(Api.asked[0])
    assert asked.path == "/api/v1/namespaces/shop/pods/web-1/log"
    assert parse_qs(asked.query) == {
        "container": ["app"],
        "tailLines": ["20"],
        "limitBytes": [str(LOG_BYTES)],
        "sinceSeconds": ["60"],
        "previous": ["true"],
    }


def test_no_more_is_asked_than_is_wanted(cluster: Cluster) -> None:
    cluster.log("shop", "web-1", "app", lines=5)

    assert set(parse_qs(urlsplit(Api.asked[0]).query)) == {"container", "tailLines", "limitBytes"}


def test_a_container_that_has_not_started_is_the_api_servers_own_word(cluster: Cluster) -> None:
    with pytest.raises(Invalid, match='GET log shop/web-2: 400: container "app" in pod "web-1" is waiting to start'):
        cluster.log("shop", "web-2", "app", lines=5)


def test_a_name_that_is_a_path_reaches_nothing(cluster: Cluster) -> None:
    with pytest.raises(Invalid):
        cluster.log("shop", "..", "app", lines=5)
    with pytest.raises(Invalid):
        cluster.log("shop", "web-2/../../secrets/x", "app", lines=5)
    assert Api.asked == [
        "/api/v1/namespaces/shop/pods/web-2%2F..%2F..%2Fsecrets%2Fx/log?container=app&tailLines=5&limitBytes=500000"
    ]
