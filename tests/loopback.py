"""HTTP to servers of the tests on loopback.

A client of httpx reads the machine's certificates when it is made, once for itself and once for each proxy of the
environment: 70 ms of processor time each. These speak http alone, and to no proxy.
"""

from typing import Any

import httpx

from runmend.local.sandbox import Sandbox


def http_client(url: str, **how: Any) -> httpx.Client:
    """A client of a server on loopback."""
    return httpx.Client(base_url=url, verify=False, trust_env=False, **how)


def async_http_client(url: str, **how: Any) -> httpx.AsyncClient:
    """The same for asynchronous tests."""
    return httpx.AsyncClient(base_url=url, verify=False, trust_env=False, **how)


def client_of(sandbox: Sandbox) -> httpx.Client:
    """A client of an embedded cluster, with its token."""
    return http_client(sandbox.url, headers={"Authorization": f"Bearer {sandbox.token}"})
