"""The bridge over HTTP: `serve` for a process of its own, `serving` for a process that does other things too."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from runmend.bridge.app import create_app
from runmend.bridge.background import Background, Work
from runmend.bridge.connections import BACKLOG, Connections, affordable
from runmend.bridge.security import check_exposure, read_token, warning_about
from runmend.core.errors import PermanentError
from runmend.core.settings import Settings
from runmend.kube.client import Cluster
from runmend.runbook.loader import Catalog

_GRACE_SECONDS: Final = 15
_STARTED_POLL_SECONDS: Final = 0.01

_log = logging.getLogger(__name__)


class CannotListen(PermanentError):
    """The bridge cannot listen there."""


class _Server(uvicorn.Server):
    """Leaves the process's signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, host: str, port: int) -> AsyncIterator[str]:
    """Serve the app while the context is open; requests under way get 15 s to end.

    Yields:
        The address, with the port that was chosen where `port` is 0.

    Raises:
        CannotListen: the address cannot be had.
        TooFewFiles: the process may open too few files.
    """
    with _listening(host, port) as listener:
        connections: Connections = app.state.connections
        connections.most = affordable(connections.most)
        config = uvicorn.Config(
            app, ws="none", log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=_GRACE_SECONDS
        )
        server = _Server(config)
        chosen = listener.getsockname()[1]
        task = asyncio.create_task(server.serve([]))
        keeping: list[asyncio.Task[None]] = []
        try:
            while not server.started and not task.done():  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(_STARTED_POLL_SECONDS)
            if not server.started:
                await task
                raise CannotListen("the bridge did not start; the log says why")
            background: Background = app.state.background
            make = partial(connections.add, config, server.server_state, server.lifespan.state)
            works: dict[str, Work] = {
                "accept": partial(connections.accept, listener, make),
                "sweep": connections.keep_sweeping,
            }
            for name, work in works.items():
                keeping.append(asyncio.create_task(background.keep(name, work, asyncio.Event())))
            yield f"http://[{host}]:{chosen}" if ":" in host else f"http://{host}:{chosen}"
        finally:
            for kept in keeping:
                kept.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            listener.close()
            server.should_exit = True
            await asyncio.wait([task])


async def serve(
    settings: Settings,
    client: Client,
    cluster: Cluster,
    catalog: Catalog,
    *,
    host: str,
    port: int,
    insecure: bool = False,
) -> None:
    """Run the bridge until SIGTERM or SIGINT.

    Raises:
        Exposed: it would take alerts from anybody, or the token's file is no good.
        CannotListen: the address cannot be had.
        TooFewFiles: the process may open too few files.
    """
    check_exposure(host, settings, insecure)
    if read_token(settings) is None:
        _log.warning("bridge takes webhooks without a token", extra={"host": host})
    if warning := warning_about(settings):
        _log.warning("token file is open to others", extra={"file": str(settings.token_file), "reason": warning})
    # What is imported stays: a large webhook lets the garbage collector look at everything, for 0.1 s.
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    try:
        async with serving(create_app(settings, client, cluster, catalog), host, port) as address:
            _log.info("bridge listens", extra={"address": address})
            await stop.wait()
    finally:
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(signum)
    _log.info("bridge stopped")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(f"the bridge cannot listen on {host} port {port}: {error.strerror or error}") from error
    with listener:
        listener.setblocking(False)
        yield listener
