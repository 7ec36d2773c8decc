"""The sandbox as a whole: a thread of its own with the API server and the controllers in it."""

import asyncio
import base64
import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Self

import uvicorn
import yaml
from starlette.types import ASGIApp

from runmend.local.sandbox.api import Api
from runmend.local.sandbox.budgets import Budgets
from runmend.local.sandbox.certificates import HOST, authority_pem, server_context
from runmend.local.sandbox.defaults import fill
from runmend.local.sandbox.deployments import Deployments
from runmend.local.sandbox.kubelet import Kubelets
from runmend.local.sandbox.replicas import Collector, ReplicaSets
from runmend.local.sandbox.resources import NAMESPACES, SERVICE_ACCOUNTS
from runmend.local.sandbox.server import Server
from runmend.local.sandbox.store import Store

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_START_S = 10.0
_STOP_S = 10.0


class Sandbox:
    """A Kubernetes API server on loopback, with a Deployment controller and nodes that behave by image reference.

    `port` 0 takes a free one. `wrap` puts an application in front of the server: tests put faults there, such as
    a 409, a 429 with Retry-After, a 403, a hang, or a connection that is lost after the write. `tls`: over https, as
    kubectl wants it, which sends no token over http; the kubeconfig has the authority.
    It runs in a thread of its own, so it can be used from synchronous tests as well as from asynchronous ones.
    """

    def __init__(
        self, *, port: int = 0, nodes: int = 2, tls: bool = False, wrap: Callable[[ASGIApp], ASGIApp] | None = None
    ) -> None:
        self.token = secrets.token_urlsafe(16)
        self._port = port
        self._nodes = nodes
        self._tls = tls
        self._wrap = wrap
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._app: ASGIApp | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._end_watches: Callable[[], None] = lambda: None
        self._stopping = asyncio.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens; known after `start`."""
        return f"http{'s' if self._tls else ''}://{HOST}:{self._port}"

    def start(self) -> None:
        """Start the thread; the server answers when this returns."""
        ready = threading.Event()
        self._stopping = asyncio.Event()
        listening = _listening(self._port)
        self._port = listening.getsockname()[1]
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(listening, ready)), name="sandbox", daemon=True
        )
        self._thread.start()
        if not ready.wait(_START_S):
            raise RuntimeError(f"the sandbox did not start within {_START_S:.0f} s")

    def stop(self) -> None:
        """End the server and every task of the nodes, and wait for the thread."""
        if self._thread is None or self._loop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOP_S)
        self._thread = None

    def pause(self) -> None:
        """Stop listening and close every connection; objects and controllers stay."""
        self._call(self._hang_up())

    def resume(self) -> None:
        """Listen again, on the same port."""
        self._call(self._serve(_listening(self._port)))

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for it, readable by its owner alone."""
        server = {"server": self.url}
        if self._tls:
            server["certificate-authority-data"] = base64.b64encode(authority_pem()).decode()
        cluster = {"name": "sandbox", "cluster": server}
        user = {"name": "sandbox", "user": {"token": self.token}}
        context = {"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}
        head = {"apiVersion": "v1", "kind": "Config", "current-context": "sandbox"}
        config = {**head, "clusters": [cluster], "users": [user], "contexts": [context]}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(config, file, indent=2)
        path.chmod(0o600)
        return path

    def _call(self, coroutine: Coroutine[None, None, None]) -> None:
        if self._loop is None:
            raise RuntimeError("the sandbox is not running")
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_STOP_S)

    async def _run(self, listening: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        store = Store()
        api = Api(store)
        kubelets = Kubelets(store, self._nodes)
        for controller in (Deployments(store), ReplicaSets(api), Collector(api), kubelets, Budgets(store)):
            store.listeners.append(controller.on_change)
        for name in _NAMESPACES:
            namespace = {"metadata": {"name": name}}
            fill(NAMESPACES, namespace)
            store.put(NAMESPACES, namespace)
            store.put(SERVICE_ACCOUNTS, {"metadata": {"name": "default", "namespace": name}})
        server = Server(api, self.token)
        self._end_watches = server.end_watches
        self._app = self._wrap(server) if self._wrap is not None else server
        await self._serve(listening)
        ready.set()
        await self._stopping.wait()
        await self._hang_up()
        await kubelets.stop()

    async def _serve(self, listening: socket.socket) -> None:
        config = uvicorn.Config(
            self._app or "",
            interface="asgi3",
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # its advice on WebSockets would be what `exec` and `port-forward` make a person see
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        config.load()
        if self._tls:
            config.ssl = server_context()
        self._server = uvicorn.Server(config)
        self._serving = asyncio.get_running_loop().create_task(self._server.serve([listening]))
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)

    async def _hang_up(self) -> None:
        if self._server is None or self._serving is None:
            return
        self._end_watches()
        self._server.should_exit = True
        await self._serving
        self._server = self._serving = None


def may_be_overwritten(path: Path) -> bool:
    """Whether a sandbox may write its kubeconfig there: nothing is there yet, or one that a sandbox wrote and kubectl
    may have rewritten.

    Raises:
        OSError: what is there cannot be read.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    except (yaml.YAMLError, ValueError):
        return False
    if not isinstance(config, dict) or config.get("kind") != "Config":
        return False
    kinds = ("clusters", "users", "contexts")
    return all(_names(config.get(kind)) == ["sandbox"] for kind in kinds)


def _names(entries: object) -> list[object]:
    return (
        [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
        if isinstance(entries, list)
        else []
    )


def _listening(port: int) -> socket.socket:
    # Named as TCP, so that asyncio turns Nagle's delay off: it would cost 40 ms for each answer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen(1024)
    return listening
