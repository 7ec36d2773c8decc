"""One GET, with an end to everything: to its time, to its answer's size, and to where it may go.

No redirect is followed, no proxy is used, and nothing of the environment is read. Called by the modules beside it.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import httpx

from runmend.images.addresses import Address, look_up

MEBIBYTE: Final = 1024 * 1024
_SHOWN: Final = 200
_TRIED: Final = 4


class NoAnswer(Exception):
    """Nothing was answered, or nothing that may be used; the message says why, in words that may be shown."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its status, and its whole body."""

    status: int
    body: bytes


def trusting(ca_file: Path | None = None) -> ssl.SSLContext:
    """Trust in the public authorities, and in those of a PEM file besides.

    Raises:
        OSError: it cannot be read, or (`ssl.SSLError`) holds no certificate.
    """
    tls = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        tls.load_verify_locations(cafile=str(ca_file))
    return tls


class Fetcher:
    """Makes requests, each on a connection of its own. Safe to share between threads.

    Args:
        seconds: for a whole request: looking up the name, connecting, the answer to its end.
        most: bytes of an answer.
        tls: whose certificates are trusted. None: those of the public authorities.
    """

    def __init__(self, seconds: float, most: int, tls: ssl.SSLContext | None = None) -> None:
        self._seconds = seconds
        self._most = most
        self._given = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Read when it is needed: the public authorities take 70 ms."""
        return self._given or trusting()

    async def get(
        self, url: httpx.URL, headers: Mapping[str, str], refused: Callable[[Address], str] | None = None
    ) -> Answered:
        """What an address answers.

        Args:
            url: the address.
            headers: besides the usual ones; may hold a secret, so nothing of them is ever said.
            refused: why an address that the name means may not be asked, empty where it may. The connection goes to the
                addresses that were looked at, and not to the name, which may mean others a moment later.

        Raises:
            NoAnswer: there is none.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._get(url, headers, refused)
        except TimeoutError:
            raise NoAnswer(f"{host_of(url)} did not answer within {self._seconds:g} s") from None

    async def _get(
        self, url: httpx.URL, headers: Mapping[str, str], refused: Callable[[Address], str] | None
    ) -> Answered:
        addresses = await look_up(url.raw_host.decode("ascii"))
        if not addresses:
            raise NoAnswer(f"{host_of(url)} cannot be asked: its name has no address")
        for address in addresses if refused else ():
            if refused and (why := refused(address)):
                raise NoAnswer(f"{host_of(url)} is not asked: its address {address} is refused: {why}")
        failure: Exception | None = None
        for address in addresses[:_TRIED]:
            try:
                return await self._get_from(address, url, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = error
                break
        raise NoAnswer(f"{host_of(url)} cannot be asked: {_reason(failure)}")

    async def _get_from(self, address: Address, url: httpx.URL, headers: Mapping[str, str]) -> Answered:
        # A transport for each request, and no client: that would add cookies, redirects, netrc and logs.
        request = httpx.Request(
            "GET",
            url.copy_with(host=str(address)),
            headers={
                "Host": host_of(url),
                "User-Agent": "runmend",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                **headers,
            },
            extensions={"sni_hostname": url.raw_host.decode("ascii"), "timeout": {"connect": self._seconds / 2}},
        )
        async with httpx.AsyncHTTPTransport(
            verify=self._tls if url.scheme == "https" else False, trust_env=False
        ) as transport:
            response = await transport.handle_async_request(request)
            try:
                return Answered(response.status_code, await self._bounded(response, url))
            finally:
                await response.aclose()

    async def _bounded(self, response: httpx.Response, url: httpx.URL) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._most:
                raise NoAnswer(f"{host_of(url)} answers with more than {self._most // 1024} KiB")
        return bytes(body)


def host_of(url: httpx.URL) -> str:
    """The host as a message and the header have it, with the port where that is not the usual one."""
    return url.netloc.decode("ascii")


def printable(text: str) -> str:
    """What others say, in one line of plain characters."""
    return ascii(" ".join(text[: 2 * _SHOWN].split())[:_SHOWN])[1:-1]


def _reason(error: Exception | None) -> str:
    # The message of a protocol error quotes headers, and ours may be one of them.
    text = "" if error is None or isinstance(error, httpx.ProtocolError) else str(error)
    return printable(text) or type(error).__name__
