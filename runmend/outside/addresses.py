"""`http(…)` in expressions: which hosts may be asked, and what their answers come to. Called by `outside.asking`."""

import ipaddress
import json
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import httpx

from runmend.core.credentials import masked
from runmend.facts.outside import AnswerFacts
from runmend.images.addresses import Address, meant
from runmend.outside.fetching import Fetcher, NoAnswer, host_of

_MOST: Final = 256 * 1024
_DEEPEST: Final = 20
_MOST_VALUES: Final = 5000
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"),
    )
)
"""Where clouds tell machines of themselves, besides the addresses of a link: Azure, Oracle, Alibaba, Amazon, Google."""


class Addresses:
    """Asks addresses of an allow-list.

    Args:
        hosts: `host`, which means its scheme's usual port, or `host:port`.
        seconds: for an answer.
        tls: whose certificates are trusted. None: those of the public authorities.
    """

    def __init__(self, hosts: Sequence[str], seconds: float, tls: ssl.SSLContext | None = None) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._fetcher = Fetcher(seconds, _MOST, tls)

    async def get(self, text: str) -> AnswerFacts:
        """What an address answers.

        Raises:
            NoAnswer: it may not be asked, or does not answer.
        """
        url = self._allowed(text)
        answered = await self._fetcher.get(url, {}, self._refused)
        if HTTPStatus.MULTIPLE_CHOICES <= answered.status < HTTPStatus.BAD_REQUEST:
            return AnswerFacts(status=answered.status)  # to where it redirects, nobody goes
        return AnswerFacts(status=answered.status, body=_json(answered.body))

    def _allowed(self, text: str) -> httpx.URL:
        try:
            url = httpx.URL(text)
            host = url.raw_host.decode("ascii").lower()
        except (httpx.InvalidURL, UnicodeError) as error:
            raise NoAnswer(f"the address cannot be asked: {error}") from error
        if url.scheme not in _USUAL_PORTS or not host or url.userinfo:
            raise NoAnswer("the address cannot be asked: it is none of http or https")
        if not self._hosts:
            raise NoAnswer(f"{host} is not asked: RUNMEND_HTTP_HOSTS of the worker names no host")
        named = f"[{host}]" if ":" in host else host
        usual = _USUAL_PORTS[url.scheme]
        port = url.port or usual
        allowed = f"{named}:{port}" in self._hosts or (port == usual and named in self._hosts)
        if not allowed:
            raise NoAnswer(f"{host_of(url)} is not asked: it is not among RUNMEND_HTTP_HOSTS of the worker")
        return url.copy_with(fragment=None)

    def _refused(self, address: Address) -> str:
        """Why an address may not be asked, though its name may."""
        for each in (address, *meant(address)):
            inner = each.is_loopback or each.is_link_local or each.is_unspecified or each.is_multicast
            if (inner or each in _METADATA) and not self._is_listed(each):
                return "it is of this machine, of its link or of a cloud, and is not itself among RUNMEND_HTTP_HOSTS"
        return ""

    def _is_listed(self, address: Address) -> bool:
        named = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)
        return any(host == named or host.startswith(f"{named}:") for host in self._hosts)


def _json(body: bytes) -> Any:  # noqa: ANN401  of any kind
    """An answer as JSON; None where it is none, or none that is looked at. What looks like a secret is hidden."""
    try:
        found = json.loads(body, parse_constant=_no_constant)
        return _bounded(found, _DEEPEST, [_MOST_VALUES])
    except (ValueError, OverflowError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _bounded(value: Any, deep: int, left: list[int]) -> Any:  # noqa: ANN401
    left[0] -= 1
    if deep < 0 or left[0] < 0:
        raise ValueError("there is more than is looked at")
    match value:
        case dict():
            return {name: _bounded(each, deep - 1, left) for name, each in value.items()}
        case list():
            return [_bounded(each, deep - 1, left) for each in value]
        case str():
            return masked(value.encode(errors="replace").decode())
        case bool() | None:
            return value
        case _:
            number = float(value)
            if number - number != 0:  # more than a number of the language holds
                raise ValueError("a number is too large")
            return number
