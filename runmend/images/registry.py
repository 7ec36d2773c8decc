"""Ask an image's registry whether the image is there.

Called by the diagnosis; read-only, and never in the way of a remediation.

One HEAD on the manifest by the OCI distribution API, and a token request where the registry wants one. The registry's
name comes from the cluster's objects, and token realm and redirects from the registry's answer, so none is trusted:
names are resolved here, every address is checked, and the connection goes to the address that was checked, not to the
name, which may mean another one a moment later. A proxy would look names up by itself, so none is used.
"""

import asyncio
import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from runmend.images.addresses import Address, Network, look_up, meant, refused
from runmend.images.pull_secrets import Credentials, covering
from runmend.images.references import ImageReference, InvalidImageReference, parse_image

_MANIFESTS: Final = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
# Realms on a host of their own that are known to be their registry's. Siblings under one parent domain are not trusted
# in general: whether two names under `co.uk` or `pkg.dev` have one owner cannot be told from the names.
_KNOWN_REALMS: Final = {
    "registry-1.docker.io": "auth.docker.io",
    "registry.gitlab.com": "gitlab.com",
    "docker.elastic.co": "docker-auth.elastic.co",
}
_TOKEN_BODY_MAX: Final = 64 * 1024  # bytes
_ADDRESSES_TRIED: Final = 4
_PORT_MAX: Final = 65535
_SHOWN_MAX: Final = 200  # characters
_WHY_MAX: Final = 500  # characters
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_CHALLENGE_PART: Final = re.compile(
    r"[\s,]*(?:(?P<name>[\w-]+)\s*=\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s,\"]+))|(?P<scheme>[\w-]+)(?=[\s,]|$))"
)


class Answer(StrEnum):
    """What a registry says of an image."""

    EXISTS = "exists"
    MISSING = "missing"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RegistryAnswer:
    """The answer for one image, and why, in words for a report.

    `image` is as it was asked for, cut to 200 characters.
    """

    image: str
    answer: Answer
    why: str


class _Settled(Exception):
    """Not an error: the answer, known before the last request is made."""

    def __init__(self, answer: Answer, why: str) -> None:
        super().__init__(why)
        self.answer = answer
        self.why = why


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: httpx.Headers
    body: bytes


class Registry:
    """Asks registries, each question on connections of its own. Safe to share between threads.

    Args:
        networks: those that may be asked though they are not public. Unspecified, multicast and reserved addresses
            never.
        plain_http: registries, `host` or `host:port`, spoken to over http; their addresses must be loopback, and in
            `networks`.
        token_realms: further hosts, `host` or `host:port`, that any registry may name as its token realm, over https.
        ca_file: PEM file of certificate authorities that are trusted besides the public ones.
        timeout: seconds for a whole question: looking up names, connecting, token, redirect, answer.

    Raises:
        OSError: `ca_file` cannot be read, or (`ssl.SSLError`) holds no certificate.
    """

    def __init__(
        self,
        *,
        networks: Sequence[Network] = (),
        plain_http: Sequence[str] = (),
        token_realms: Sequence[str] = (),
        ca_file: str | Path | None = None,
        timeout: float = 5.0,
    ) -> None:
        self._networks = tuple(networks)
        self._plain_http = frozenset(host.lower() for host in plain_http)
        self._token_realms = frozenset(host.lower() for host in token_realms)
        self._timeout = timeout
        self._tls = httpx.create_ssl_context(trust_env=False)
        if ca_file is not None:
            self._tls.load_verify_locations(cafile=str(ca_file))

    def ask(self, image: str | ImageReference, credentials: Sequence[Credentials] = ()) -> RegistryAnswer:
        """Say whether the image's tag or digest is in its registry; what cannot be told is UNKNOWN with the reason,
        never an error.

        Of `credentials` those that cover the image are used, and sent only to its registry and that registry's token
        realm. Runs an event loop of its own, so it is called from a thread that has none.
        """
        text = str(image)
        shown = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
        try:
            # A reference built by hand is read again too: what goes into a request has passed the grammar.
            reference = parse_image(text)
        except InvalidImageReference as error:
            return RegistryAnswer(shown, Answer.UNKNOWN, f"not a well-formed image reference: {error}")
        try:
            answer, why = asyncio.run(self._ask(reference, covering(reference, credentials)))
        except _Settled as settled:
            answer, why = settled.answer, settled.why
        except TimeoutError:
            answer, why = Answer.UNKNOWN, f"{reference.api_host} did not answer within {self._timeout:g} s"
        return RegistryAnswer(shown, answer, why[:_WHY_MAX])

    async def _ask(self, image: ImageReference, credentials: Credentials | None) -> tuple[Answer, str]:
        async with asyncio.timeout(self._timeout):
            url = self._manifest_url(image)
            reply, answered = await self._head(url, {})
            if (answered.scheme, answered.netloc) != (url.scheme, url.netloc):
                # Another host answers for the registry; the credentials were not issued for it.
                credentials = None
            if reply.status == HTTPStatus.UNAUTHORIZED:
                authorization = await self._authorization(reply, answered, image, credentials)
                reply, _ = await self._head(answered, {"Authorization": authorization})
            return _verdict(reply, image, credentials)

    def _manifest_url(self, image: ImageReference) -> httpx.URL:
        found = re.fullmatch(r"\[?(.+?)\]?(?::([0-9]{1,8}))?", image.api_host)
        port = int(found[2]) if found and found[2] else None
        if found is None or (port is not None and not 0 < port <= _PORT_MAX):
            raise _Settled(Answer.UNKNOWN, f"{_printable(image.api_host)} has no port that could be asked")
        scheme = "http" if image.api_host.lower() in self._plain_http else "https"
        path = f"/v2/{image.repository}/manifests/{image.manifest}".encode("ascii")
        try:
            return httpx.URL(scheme=scheme, host=found[1], port=port, raw_path=path)
        except httpx.InvalidURL:
            raise _Settled(Answer.UNKNOWN, f"{_printable(image.api_host)} is not a host that could be asked") from None

    async def _head(self, url: httpx.URL, headers: Mapping[str, str]) -> tuple[_Reply, httpx.URL]:
        """HEAD on a manifest, and who answered it.

        One redirect is followed: on the same scheme, host and port, or (as registry.k8s.io does) to another host over
        https, where nothing but the question goes.
        """
        reply = await self._send("HEAD", url, {"Accept": _MANIFESTS, **headers})
        if reply.status not in _REDIRECTS:
            return reply, url
        try:
            target = url.join(reply.headers.get("location", ""))
        except httpx.InvalidURL:
            raise _Settled(Answer.UNKNOWN, f"{_host(url)} redirects to something that is not a URL") from None
        elsewhere = (target.scheme, target.netloc) != (url.scheme, url.netloc)
        if elsewhere and (headers or target.scheme != "https" or target.userinfo):
            raise _Settled(
                Answer.UNKNOWN,
                f"{_host(url)} redirects to {_host(target)}, which is followed only by https and without a token",
            )
        reply = await self._send("HEAD", target, {"Accept": _MANIFESTS, **headers})
        if reply.status in _REDIRECTS:
            raise _Settled(Answer.UNKNOWN, f"{_host(url)} redirects more than once")
        return reply, target

    async def _authorization(
        self, reply: _Reply, url: httpx.URL, image: ImageReference, credentials: Credentials | None
    ) -> str:
        """Return what the registry's 401 asks for, as a header's value."""
        challenges = _challenges(reply.headers.get_list("www-authenticate"))
        bearer = challenges.get("bearer")
        if bearer is not None:
            return f"Bearer {await self._token(bearer, url, image, credentials)}"
        if "basic" not in challenges:
            raise _Settled(Answer.UNKNOWN, f"{_host(url)} asks for neither Bearer nor Basic authentication")
        if credentials is None:
            raise _Settled(
                Answer.UNAUTHORIZED, f"{_host(url)} wants a user name and password, and no pull secret covers the image"
            )
        return _basic(credentials)

    async def _token(
        self, challenge: Mapping[str, str], registry: httpx.URL, image: ImageReference, credentials: Credentials | None
    ) -> str:
        realm = self._realm(challenge.get("realm", ""), registry)
        query = {"service": challenge["service"]} if "service" in challenge else {}
        query["scope"] = _pull_only(challenge.get("scope", ""), image)
        headers = {"Accept": "application/json"}
        if credentials is not None:
            headers["Authorization"] = _basic(credentials)
        reply = await self._send("GET", realm.copy_merge_params(query), headers)
        if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            who = "an anonymous pull" if credentials is None else "the pull secret's credentials"
            raise _Settled(Answer.UNAUTHORIZED, f"token realm {_host(realm)} refuses {who} ({reply.status})")
        if reply.status != HTTPStatus.OK:
            raise _Settled(Answer.UNKNOWN, f"token realm {_host(realm)} answered {reply.status}")
        token = _token_in(reply.body)
        if token is None:
            raise _Settled(Answer.UNKNOWN, f"token realm {_host(realm)} answered without a usable token")
        return token

    def _realm(self, text: str, registry: httpx.URL) -> httpx.URL:
        """Return the token realm if it may be asked and may be shown credentials."""
        try:
            realm = httpx.URL(text)
        except httpx.InvalidURL:
            realm = httpx.URL("")
        if not realm.raw_host or realm.userinfo or (realm.port or 0) > _PORT_MAX:
            raise _Settled(Answer.UNKNOWN, f"{_host(registry)} names a token realm that is not a URL")
        if realm.scheme != "https" and not (
            realm.scheme == registry.scheme == "http" and _host(realm).lower() in self._plain_http
        ):
            raise _Settled(Answer.UNKNOWN, f"{_host(registry)} names a token realm without https, {_host(realm)}")
        host, owner = realm.raw_host.decode("ascii").lower(), registry.raw_host.decode("ascii").lower()
        below = "." in owner and not owner.replace(".", "").isdigit() and host.endswith(f".{owner}")
        allowed = {host, _host(realm).lower()} & self._token_realms
        if host != owner and not below and _KNOWN_REALMS.get(owner) != host and not allowed:
            raise _Settled(
                Answer.UNKNOWN,
                f"{_host(registry)} names a token realm on another domain, {_host(realm)}, which is not allowed",
            )
        return realm.copy_with(fragment=None)

    async def _send(self, method: str, url: httpx.URL, headers: Mapping[str, str]) -> _Reply:
        """Make one request to the addresses of the URL's host, one after the other until one takes the connection."""
        addresses = await self._addresses(url)
        failure: httpx.HTTPError | httpx.InvalidURL | None = None
        for address in addresses:
            try:
                return await self._send_to(address, method, url, headers, connect=self._timeout / len(addresses))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = error
                break
        raise _Settled(Answer.UNKNOWN, f"{_host(url)} cannot be asked: {_reason(failure)}")

    async def _send_to(
        self, address: Address, method: str, url: httpx.URL, headers: Mapping[str, str], *, connect: float
    ) -> _Reply:
        # A transport for each request, and no client: a pooled connection is known by its address, and one made for
        # another name must not be used again; a client would add cookies, redirects, netrc and logs.
        request = httpx.Request(
            method,
            url.copy_with(host=str(address)),
            headers={"Host": _host(url), "User-Agent": "runmend", "Accept-Encoding": "identity", **headers},
            extensions={"sni_hostname": url.raw_host.decode("ascii"), "timeout": {"connect": connect}},
        )
        async with httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                body = b"" if method == "HEAD" else await _bounded(response, url)
            finally:
                await response.aclose()
        return _Reply(response.status_code, response.headers, body)

    async def _addresses(self, url: httpx.URL) -> tuple[Address, ...]:
        """Return the first addresses of the URL's host; one that may not be asked spoils them all."""
        found = await look_up(url.raw_host.decode("ascii"))
        if not found:
            raise _Settled(Answer.UNKNOWN, f"{_host(url)} cannot be asked: its name has no address")
        for address in found:
            if why := refused(address, self._networks):
                raise _Settled(
                    Answer.UNKNOWN,
                    f"{_host(url)} is not asked: its address {address} is refused: {why}",
                )
            if url.scheme == "http" and not all(each.is_loopback for each in meant(address)):
                raise _Settled(
                    Answer.UNKNOWN,
                    f"{_host(url)} is not asked: plain http is for loopback only, and its address is {address}",
                )
        return found[:_ADDRESSES_TRIED]


async def _bounded(response: httpx.Response, url: httpx.URL) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _TOKEN_BODY_MAX:
            raise _Settled(
                Answer.UNKNOWN, f"token realm {_host(url)} answered with more than {_TOKEN_BODY_MAX // 1024} KiB"
            )
    return bytes(body)


def _challenges(headers: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read WWW-Authenticate headers: lower-case scheme to parameters; what does not parse ends its header."""
    challenges: dict[str, dict[str, str]] = {}
    for header in headers:
        parameters: dict[str, str] = {}
        position = 0
        while found := _CHALLENGE_PART.match(header, position):
            position = found.end()
            if found["scheme"]:
                parameters = challenges.setdefault(found["scheme"].lower(), {})
            elif found["quoted"] is not None:
                parameters[found["name"].lower()] = re.sub(r"\\(.)", r"\1", found["quoted"])
            else:
                parameters[found["name"].lower()] = found["bare"]
    return challenges


def _pull_only(scope: str, image: ImageReference) -> str:
    """Return the challenge's scope with every right but `pull` taken out: a registry may not have a wider token made
    with our credentials.

    A word of the registry's own that grants nothing by the standard (`aws`, say) is passed on.
    """
    if scope and ":" not in scope:
        return scope
    repositories = [
        part.rpartition(":")[0] for part in scope.split() if part.startswith("repository:") and part.count(":") > 1
    ]
    return " ".join(f"{repository}:pull" for repository in repositories) or f"repository:{image.repository}:pull"


def _token_in(body: bytes) -> str | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    token = (answer.get("token") or answer.get("access_token")) if isinstance(answer, dict) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
    return f"Basic {base64.b64encode(pair.encode(errors='replace')).decode('ascii')}"


def _verdict(reply: _Reply, image: ImageReference, credentials: Credentials | None) -> tuple[Answer, str]:
    asked = f"{image.manifest} of {image.repository}"
    if reply.status == HTTPStatus.OK:
        if reply.headers.get("content-type", "").startswith("text/html"):
            return Answer.UNKNOWN, f"{image.api_host} answered with a web page when asked for {asked}"
        return Answer.EXISTS, f"{image.api_host} has {asked}"
    if reply.status == HTTPStatus.NOT_FOUND:
        return Answer.MISSING, f"{image.api_host} answered 404 when asked for {asked}"
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        who = "without credentials" if credentials is None else "with the pull secret's credentials"
        return (
            Answer.UNAUTHORIZED,
            f"{image.api_host} answered {reply.status} when asked {who} for {asked}: private, or not there",
        )
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Answer.UNKNOWN, f"{image.api_host} limits requests (429)"
    return Answer.UNKNOWN, f"{image.api_host} answered {reply.status} when asked for {asked}"


def _host(url: httpx.URL) -> str:
    return url.netloc.decode("ascii")


def _reason(error: httpx.HTTPError | httpx.InvalidURL | None) -> str:
    # The message of a protocol error quotes headers, and ours may be one of them.
    text = "" if error is None or isinstance(error, httpx.ProtocolError) else str(error)
    return _printable(text) or type(error).__name__


def _printable(text: str) -> str:
    return ascii(text[:_SHOWN_MAX])[1:-1]
