"""Where a registry's questions may go: token realms, addresses, names, certificates."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import Response

from runmend.core.settings import networks_in
from runmend.images.pull_secrets import Credentials
from runmend.images.registry import Answer, Registry, _Settled
from tests.registry.conftest import LOOPBACK

if TYPE_CHECKING:
    from tests.registry.conftest import ScriptedRegistry

MANIFEST = "/v2/shop/web/manifests/1.0"
BASIC = "Basic cm9ib3Q6c2VjcmV0"
BEARER = "Bearer a-token"


def asking(registry: "ScriptedRegistry") -> Registry:
    return Registry(networks=LOOPBACK, plain_http=[registry.host])


def bearer(realm: str) -> str:
    return f'Bearer realm="{realm}",service="registry.test",scope="repository:shop/web:pull"'


@pytest.mark.parametrize(
    "realm",
    [
        "https://evil.example/token",
        "https://127.0.0.1.evil.example/token",
        "https://127.0.0.1@evil.example/token",
        "https://evil.example:443/token",
        "http://127.0.0.1:1/token",
        "ftp://127.0.0.1/token",
        "//127.0.0.1/token",
        "/token",
        "",
    ],
)
def test_a_foreign_or_unprotected_token_realm_is_not_asked(registry: "ScriptedRegistry", realm: str) -> None:
    registry.challenge = bearer(realm)

    told = asking(registry).ask(registry.image, [registry.credentials])

    assert told.answer is Answer.UNKNOWN
    assert "token realm" in told.why
    assert registry.asked == [("HEAD", MANIFEST, None)]


@pytest.mark.parametrize(
    ("registry_host", "realm", "trusted"),
    [
        ("registry-1.docker.io", "https://auth.docker.io/token", True),
        ("ghcr.io", "https://ghcr.io/token", True),
        ("registry.example", "https://registry.example:5001/token", True),
        ("registry.example", "https://auth.registry.example/token", True),
        ("registry.example", "https://AUTH.registry.example/token", True),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("registry.co.uk", "https://evil.co.uk/token", False),
        ("registry.co.uk", "https://co.uk/token", False),
        ("us-docker.pkg.dev", "https://evil-docker.pkg.dev/token", False),
        ("registry.example", "https://evilregistry.example/token", False),
        ("registry", "https://evil.registry/token", False),
        ("ghcr.io", "https://auth.docker.io/token", False),
        ("registry.example", "https://sso.allowed.example/token", True),
        ("registry.example", "http://sso.allowed.example/token", False),
        ("registry.example", "https://sub.sso.allowed.example/token", False),
    ],
)
def test_a_token_realm_is_trusted_on_the_registrys_own_host_or_below_it_or_when_it_is_listed(
    registry_host: str, realm: str, *, trusted: bool
) -> None:
    asker = Registry(token_realms=["sso.allowed.example"])
    owner = httpx.URL(f"https://{registry_host}")

    with nullcontext() if trusted else pytest.raises(_Settled, match="names a token realm"):
        asker._realm(realm, owner)


def test_loopback_is_refused_by_default_without_a_connection(
    registry: "ScriptedRegistry", monkeypatch: pytest.MonkeyPatch
) -> None:
    def connected(*_: object) -> None:
        pytest.fail("a connection was made")

    monkeypatch.setattr("httpx.AsyncHTTPTransport.handle_async_request", connected)

    told = Registry(plain_http=[registry.host]).ask(registry.image, [registry.credentials])

    assert told.answer is Answer.UNKNOWN
    assert told.why == (
        f"{registry.host} is not asked: its address 127.0.0.1 is refused: it is not public, and "
        "RUNMEND_REGISTRY_NETWORKS of the worker names no network that has 127.0.0.1"
    )
    assert registry.asked == []


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "169.254.169.254", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255"),
        *(
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ),
        "10.0.0.1",
        "fd00:ec2::254",
        "8.8.8.8 127.0.0.1",
    ],
)
def test_a_name_that_means_an_address_which_is_not_public_is_refused(names: dict[str, list[str]], address: str) -> None:
    names["registry.test"] = [address]

    told = Registry().ask("registry.test/app")

    assert told.answer is Answer.UNKNOWN
    assert "registry.test is not asked: its address" in told.why
    assert "is refused: " in told.why


@pytest.mark.parametrize("address", ["10.1.2.3", "169.254.169.254"])
def test_a_redirect_to_an_address_that_is_not_public_is_not_followed(
    registry: "ScriptedRegistry", names: dict[str, list[str]], address: str
) -> None:
    names["metadata.test"] = [address]
    there = {"Location": "https://metadata.test/latest/meta-data"}
    registry.scripted = {MANIFEST: lambda _: Response(status_code=307, headers=there)}

    told = asking(registry).ask(registry.image, [registry.credentials])

    assert told.answer is Answer.UNKNOWN
    assert told.why.startswith(f"metadata.test is not asked: its address {address} is refused: it is not public")


def test_a_token_realm_at_an_address_that_is_not_public_is_not_asked(
    tls_registry: "ScriptedRegistry", tls_files: tuple[Path, Path], names: dict[str, list[str]]
) -> None:
    names |= {"registry.test": ["127.0.0.1"], "auth.registry.test": ["10.1.2.3"]}
    tls_registry.challenge = bearer("https://auth.registry.test/token")
    host = f"registry.test:{tls_registry.port}"

    told = Registry(networks=LOOPBACK, ca_file=tls_files[0]).ask(
        f"{host}/shop/web:1.0", [Credentials(host, "robot", SecretStr("secret"))]
    )

    assert told.answer is Answer.UNKNOWN
    assert told.why.startswith("auth.registry.test is not asked: its address 10.1.2.3 is refused: it is not public")
    assert tls_registry.asked == [("HEAD", MANIFEST, None)]


@pytest.mark.parametrize(
    "host", ["2130706433:5000", "0x7f.1", "127.1", "[::1]:5000", "[::ffff:7f00:1]:5000", "localhost"]
)
def test_loopback_in_disguise_is_refused(host: str) -> None:
    assert "is not asked: its address" in Registry().ask(f"{host}/app").why


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "::"])
def test_nobodys_addresses_are_refused_whatever_the_setting(names: dict[str, list[str]], address: str) -> None:
    names["registry.test"] = [address]

    assert "is not asked" in Registry(networks=LOOPBACK).ask("registry.test/app").why


def test_plain_http_is_for_loopback_only(names: dict[str, list[str]]) -> None:
    names["registry.test"] = ["10.1.2.3"]

    told = Registry(networks=networks_in("10.0.0.0/8"), plain_http=["registry.test"]).ask("registry.test/app")

    assert "plain http is for loopback only" in told.why


def test_a_registry_is_spoken_to_by_https_under_its_own_name_at_the_address_that_was_checked(
    tls_registry: "ScriptedRegistry", tls_files: tuple[Path, Path], names: dict[str, list[str]]
) -> None:
    names["registry.test"] = ["127.0.0.1", "10.1.2.3"]  # a second look-up would go astray
    host = f"registry.test:{tls_registry.port}"

    told = Registry(networks=LOOPBACK, ca_file=tls_files[0]).ask(f"{host}/shop/web:1.0")

    assert told.answer is Answer.EXISTS
    assert tls_registry.seen[0].host == host


def test_a_name_that_turns_local_between_two_requests_is_refused(
    tls_registry: "ScriptedRegistry", tls_files: tuple[Path, Path], names: dict[str, list[str]]
) -> None:
    names["registry.test"] = ["127.0.0.1", "0.0.0.0"]
    tls_registry.challenge = 'Basic realm="registry"'
    host = f"registry.test:{tls_registry.port}"

    told = Registry(networks=LOOPBACK, ca_file=tls_files[0]).ask(
        f"{host}/shop/web:1.0", [Credentials(host, "robot", SecretStr("secret"))]
    )

    assert "is not asked: its address 0.0.0.0" in told.why
    assert tls_registry.asked == [("HEAD", MANIFEST, None)]


def test_a_token_realm_below_the_registry_gets_the_credentials_by_https(
    tls_registry: "ScriptedRegistry", tls_files: tuple[Path, Path], names: dict[str, list[str]]
) -> None:
    names |= {"registry.test": ["127.0.0.1"], "auth.registry.test": ["127.0.0.1"]}
    tls_registry.challenge = bearer(f"https://auth.registry.test:{tls_registry.port}/token")
    host = f"registry.test:{tls_registry.port}"

    told = Registry(networks=LOOPBACK, ca_file=tls_files[0]).ask(
        f"{host}/shop/web:1.0", [Credentials(host, "robot", SecretStr("secret"))]
    )

    assert told.answer is Answer.EXISTS
    assert tls_registry.asked == [("HEAD", MANIFEST, None), ("GET", "/token", BASIC), ("HEAD", MANIFEST, BEARER)]


def test_a_certificate_for_another_name_is_unknown(
    tls_registry: "ScriptedRegistry", tls_files: tuple[Path, Path], names: dict[str, list[str]]
) -> None:
    names["other.test"] = ["127.0.0.1"]

    told = Registry(networks=LOOPBACK, ca_file=tls_files[0]).ask(f"other.test:{tls_registry.port}/shop/web:1.0")

    assert told.answer is Answer.UNKNOWN
    assert "certificate verify failed" in told.why
    assert tls_registry.asked == []


def test_an_unknown_certificate_authority_is_unknown(
    tls_registry: "ScriptedRegistry", names: dict[str, list[str]]
) -> None:
    names["registry.test"] = ["127.0.0.1"]

    told = Registry(networks=LOOPBACK).ask(f"registry.test:{tls_registry.port}/shop/web:1.0")

    assert "certificate verify failed" in told.why


def test_proxies_of_the_environment_are_not_used(registry: "ScriptedRegistry", monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert asking(registry).ask(registry.image).answer is Answer.EXISTS


def test_a_redirect_to_another_host_is_followed_by_https_and_without_the_credentials(
    registry: "ScriptedRegistry",
    tls_registry: "ScriptedRegistry",
    tls_files: tuple[Path, Path],
    names: dict[str, list[str]],
) -> None:
    names["registry.test"] = ["127.0.0.1"]
    there = f"https://registry.test:{tls_registry.port}"
    registry.scripted = {MANIFEST: lambda _: Response(status_code=307, headers={"Location": there + MANIFEST})}
    tls_registry.challenge = bearer(f"{there}/token")
    asker = Registry(networks=LOOPBACK, plain_http=[registry.host], ca_file=tls_files[0])

    told = asker.ask(registry.image, [registry.credentials])

    assert told.answer is Answer.EXISTS
    assert registry.asked == [("HEAD", MANIFEST, None)]
    assert tls_registry.asked == [("HEAD", MANIFEST, None), ("GET", "/token", None), ("HEAD", MANIFEST, BEARER)]
