"""What a registry is asked, what is made of its answers, and who gets to see credentials."""

import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from runmend.images.pull_secrets import Credentials
from runmend.images.references import ImageReference
from runmend.images.registry import Answer, Registry, RegistryAnswer, _challenges
from tests.registry.conftest import LOOPBACK

if TYPE_CHECKING:
    from tests.registry.conftest import ScriptedRegistry

MANIFEST = "/v2/shop/web/manifests/1.0"
BASIC = "Basic cm9ib3Q6c2VjcmV0"
BEARER = "Bearer a-token"


def asking(registry: "ScriptedRegistry", *, timeout: float = 5.0) -> Registry:
    return Registry(networks=LOOPBACK, plain_http=[registry.host], timeout=timeout)


def bearer(realm: str, *, scope: str = "repository:shop/web:pull") -> str:
    return f'Bearer realm="{realm}",service="registry.test",scope="{scope}"'


# What the answers mean


def test_a_manifest_that_is_there_exists(registry: "ScriptedRegistry") -> None:
    answer = asking(registry).ask(registry.image)

    assert answer == RegistryAnswer(registry.image, Answer.EXISTS, f"{registry.host} has 1.0 of shop/web")
    assert registry.asked == [("HEAD", MANIFEST, None)]


def test_a_digest_is_asked_for_by_the_digest(registry: "ScriptedRegistry") -> None:
    digest = "sha256:" + "a" * 64

    answer = asking(registry).ask(ImageReference(registry.host, "shop/web", "1.0", digest))

    assert answer.answer is Answer.MISSING
    assert registry.seen[0].path == f"/v2/shop/web/manifests/{digest}"


def test_a_manifest_that_is_not_there_is_missing_and_the_reason_says_what_was_asked(
    registry: "ScriptedRegistry",
) -> None:
    answer = asking(registry).ask(f"{registry.host}/shop/web:2.0")

    assert (answer.answer, answer.why) == (
        Answer.MISSING,
        f"{registry.host} answered 404 when asked for 2.0 of shop/web",
    )


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (
            403,
            Answer.UNAUTHORIZED,
            "answered 403 when asked without credentials for 1.0 of shop/web: private, or not there",
        ),
        (429, Answer.UNKNOWN, "limits requests (429)"),
        (500, Answer.UNKNOWN, "answered 500 when asked for 1.0 of shop/web"),
        (503, Answer.UNKNOWN, "answered 503 when asked for 1.0 of shop/web"),
        (401, Answer.UNKNOWN, "asks for neither Bearer nor Basic authentication"),
    ],
)
def test_a_status_has_its_meaning(registry: "ScriptedRegistry", status: int, answer: Answer, why: str) -> None:
    registry.scripted = {MANIFEST: lambda _: Response(status_code=status)}

    told = asking(registry).ask(registry.image)

    assert (told.answer, told.why) == (answer, f"{registry.host} {why}")


def test_a_web_page_is_no_manifest(registry: "ScriptedRegistry") -> None:
    registry.scripted = {MANIFEST: lambda _: Response("hello", media_type="text/html")}

    assert asking(registry).ask(registry.image).answer is Answer.UNKNOWN


@pytest.mark.parametrize("image", ["", "Registry/Name:tag", "a b", "x" * 10_000, "127.0.0.1:5000/../etc"])
def test_a_malformed_reference_is_unknown_and_nobody_is_asked(image: str) -> None:
    told = Registry(networks=LOOPBACK).ask(image)

    assert told.answer is Answer.UNKNOWN
    assert told.why.startswith("not a well-formed image reference: ")
    assert len(told.image) <= 201


@pytest.mark.parametrize(
    "host", ["127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:123456789012", "a" * 64 + ".test", "nowhere.invalid"]
)
def test_a_host_that_cannot_be_asked_is_unknown(host: str) -> None:
    assert Registry(networks=LOOPBACK, timeout=1).ask(f"{host}/app").answer is Answer.UNKNOWN


def test_a_refused_connection_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"

    told = Registry(networks=LOOPBACK, plain_http=[host]).ask(f"{host}/app")

    assert told.answer is Answer.UNKNOWN
    assert told.why.startswith(f"{host} cannot be asked: ")


# Tokens and passwords


def test_an_anonymous_token_is_fetched_and_used(registry: "ScriptedRegistry") -> None:
    registry.challenge = bearer(f"http://{registry.host}/token")

    assert asking(registry).ask(registry.image).answer is Answer.EXISTS
    assert registry.asked == [("HEAD", MANIFEST, None), ("GET", "/token", None), ("HEAD", MANIFEST, BEARER)]
    assert registry.seen[1].query == {"service": "registry.test", "scope": "repository:shop/web:pull"}


def test_credentials_go_to_the_token_realm_and_the_token_to_the_registry(registry: "ScriptedRegistry") -> None:
    registry.challenge = bearer(f"http://{registry.host}/token")

    assert asking(registry).ask(registry.image, [registry.credentials]).answer is Answer.EXISTS
    assert registry.asked == [("HEAD", MANIFEST, None), ("GET", "/token", BASIC), ("HEAD", MANIFEST, BEARER)]


def test_basic_is_answered_with_the_credentials(registry: "ScriptedRegistry") -> None:
    registry.challenge = 'Basic realm="registry"'

    assert asking(registry).ask(registry.image, [registry.credentials]).answer is Answer.EXISTS
    assert registry.asked == [("HEAD", MANIFEST, None), ("HEAD", MANIFEST, BASIC)]


def test_basic_without_credentials_is_unauthorized(registry: "ScriptedRegistry") -> None:
    registry.challenge = 'Basic realm="registry"'

    told = asking(registry).ask(registry.image)

    assert told.answer is Answer.UNAUTHORIZED
    assert "no pull secret covers the image" in told.why


@pytest.mark.parametrize("challenge", ['Basic realm="registry"', bearer("http://{host}/token")])
def test_wrong_credentials_are_unauthorized_and_not_shown(registry: "ScriptedRegistry", challenge: str) -> None:
    registry.challenge = challenge.format(host=registry.host)

    told = asking(registry).ask(registry.image, [Credentials(registry.host, "robot", SecretStr("swordfish"))])

    assert told.answer is Answer.UNAUTHORIZED
    assert "swordfish" not in repr(told)


def test_credentials_of_another_registry_are_never_sent(registry: "ScriptedRegistry") -> None:
    registry.challenge = bearer(f"http://{registry.host}/token")
    others = [
        Credentials(host, "robot", SecretStr("secret"))
        for host in ("127.0.0.1", "127.0.0.1:1", "registry.example", "docker.io")
    ]

    assert asking(registry).ask(registry.image, others).answer is Answer.EXISTS
    assert [authorization for _, _, authorization in registry.asked] == [None, None, BEARER]


def test_credentials_are_not_sent_to_a_registry_that_does_not_ask_for_them(registry: "ScriptedRegistry") -> None:
    assert asking(registry).ask(registry.image, [registry.credentials]).answer is Answer.EXISTS
    assert registry.asked == [("HEAD", MANIFEST, None)]


def test_no_token_is_made_that_could_do_more_than_pull(registry: "ScriptedRegistry") -> None:
    registry.challenge = bearer(
        f"http://{registry.host}/token", scope="repository:shop/web:pull,push,delete registry:catalog:*"
    )

    asking(registry).ask(registry.image, [registry.credentials])

    assert registry.seen[1].query["scope"] == "repository:shop/web:pull"


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        (lambda _: JSONResponse({"access_token": "a-token"}), Answer.EXISTS),
        (lambda _: JSONResponse({"token": "a-token\r\nX-Injected: 1"}), Answer.UNKNOWN),
        (lambda _: JSONResponse({"token": 7}), Answer.UNKNOWN),
        (lambda _: Response("[" * 60_000), Answer.UNKNOWN),
        (lambda _: StreamingResponse(iter([b'{"token": "', b"a" * 70_000, b'"}'])), Answer.UNKNOWN),
        (lambda _: Response(status_code=307, headers={"Location": "http://127.0.0.1:1/"}), Answer.UNKNOWN),
        (lambda _: Response(status_code=429), Answer.UNKNOWN),
        (lambda _: Response(status_code=403), Answer.UNAUTHORIZED),
    ],
    ids=["access_token", "line_break", "no_text", "not_json", "too_long", "redirect", "throttled", "forbidden"],
)
def test_a_token_realm_may_answer_anything(registry: "ScriptedRegistry", token: object, answer: Answer) -> None:
    registry.challenge = bearer(f"http://{registry.host}/token")
    registry.scripted = {"/token": token}  # type: ignore[dict-item]

    assert asking(registry).ask(registry.image, [registry.credentials]).answer is answer


@pytest.mark.parametrize(
    ("header", "schemes"),
    [
        (
            'Bearer realm="https://a/token",service="a b",scope="x:y:pull,push"',
            {"bearer": ["https://a/token", "a b", "x:y:pull,push"]},
        ),
        ('Basic realm="a, b", Bearer realm=c', {"basic": ["a, b"], "bearer": ["c"]}),
        (r'bearer Realm="a\"b"', {"bearer": ['a"b']}),
        ("Negotiate", {"negotiate": []}),
        ('realm="a"', {}),
        ('Bearer realm="a', {"bearer": []}),
        ("", {}),
    ],
)
def test_a_challenge_is_read(header: str, schemes: dict[str, list[str]]) -> None:
    assert {scheme: list(parameters.values()) for scheme, parameters in _challenges([header]).items()} == schemes


# Redirects


def test_a_redirect_on_the_same_host_is_followed_once_with_the_credentials(registry: "ScriptedRegistry") -> None:
    def elsewhere(_: Request) -> Response:
        return Response(status_code=307, headers={"Location": "/v2/moved"})

    def moved(request: Request) -> Response:
        given = request.headers.get("authorization")
        return Response(status_code=200) if given else Response(status_code=401, headers={"WWW-Authenticate": "Basic"})

    registry.scripted = {MANIFEST: elsewhere, "/v2/moved": moved}

    assert asking(registry).ask(registry.image, [registry.credentials]).answer is Answer.EXISTS
    assert registry.asked == [("HEAD", MANIFEST, None), ("HEAD", "/v2/moved", None), ("HEAD", "/v2/moved", BASIC)]


@pytest.mark.parametrize(
    "location",
    ["http://localhost:{port}/v2/moved", "https://robot@127.0.0.1:{port}/v2/moved", "//evil.example/", "http://[::1"],
)
def test_a_redirect_elsewhere_is_not_followed_without_https_or_with_a_name_in_it(
    registry: "ScriptedRegistry", location: str
) -> None:
    registry.scripted = {
        MANIFEST: lambda _: Response(status_code=307, headers={"Location": location.format(port=registry.port)})
    }

    told = asking(registry).ask(registry.image)

    assert told.answer is Answer.UNKNOWN
    assert "redirects to" in told.why
    assert len(registry.seen) == 1


def test_a_second_redirect_is_not_followed(registry: "ScriptedRegistry") -> None:
    registry.scripted = {MANIFEST: lambda _: Response(status_code=301, headers={"Location": MANIFEST})}

    assert asking(registry).ask(registry.image).why == f"{registry.host} redirects more than once"
    assert len(registry.seen) == 2


# Time


def test_headers_that_drip_are_cut_off_when_the_time_is_spent(dripping: str) -> None:
    began = time.monotonic()

    told = Registry(networks=LOOPBACK, plain_http=[dripping], timeout=0.2).ask(f"{dripping}/app")

    assert (told.answer, told.why) == (Answer.UNKNOWN, f"{dripping} did not answer within 0.2 s")
    assert time.monotonic() - began < 2


def drip_forever(_: Request) -> Response:
    async def spaces() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await anyio.sleep(0.01)

    return StreamingResponse(spaces(), media_type="application/json")


def test_the_token_request_is_within_the_same_time(registry: "ScriptedRegistry") -> None:
    registry.challenge = bearer(f"http://{registry.host}/token")
    registry.scripted = {"/token": drip_forever}
    began = time.monotonic()

    assert asking(registry, timeout=0.3).ask(registry.image).why == f"{registry.host} did not answer within 0.3 s"
    assert time.monotonic() - began < 2


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(10) and [])
    began = time.monotonic()

    told = Registry(timeout=0.2).ask("registry.test/app")
    answered.set()

    assert told.why == "registry.test did not answer within 0.2 s"
    assert time.monotonic() - began < 2
