"""The bridge over a real socket."""

import asyncio
import os
import signal
import socket

import httpx
import pytest

from runmend.bridge import Exposed, serve, serving
from runmend.bridge.server import CannotListen
from tests.bridge.support import Installation, an_alert, until, webhook
from tests.loopback import async_http_client


async def test_it_serves_on_a_free_port_and_lets_go_of_it(installed: Installation) -> None:
    (pod,) = await installed.deploy()

    async with serving(installed.app, "127.0.0.1", 0) as address, async_http_client(address) as http:
        response = await http.post("/alerts", json=webhook(an_alert(pod)))

    assert response.json()["alerts"][0]["answer"] == "started"
    with socket.create_server(("127.0.0.1", httpx.URL(address).port or 0)):
        pass


async def test_a_port_that_is_taken_is_an_error_in_words(installed: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"the bridge cannot listen on 127.0.0.1 port {port}: "):
            async with serving(installed.app, "127.0.0.1", port):
                pass


async def test_it_serves_until_it_is_asked_to_end(installed: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    task = asyncio.create_task(
        serve(installed.settings, installed.client, installed.cluster, installed.catalog, host="127.0.0.1", port=port)
    )
    async with async_http_client(f"http://127.0.0.1:{port}") as http:
        while True:
            try:
                assert (await http.get("/healthz")).status_code == 200
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)

    await until(task.done)
    await task


async def test_it_does_not_serve_anybody_off_loopback(installed: Installation) -> None:
    with pytest.raises(Exposed):
        await serve(installed.settings, installed.client, installed.cluster, installed.catalog, host="0.0.0.0", port=0)
