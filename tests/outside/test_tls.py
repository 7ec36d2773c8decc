"""https is spoken under the host's own name, to whom a trusted authority vouches for."""

import asyncio
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from runmend.core.settings import Settings
from runmend.outside.addresses import Addresses
from runmend.outside.fetching import NoAnswer, trusting
from runmend.outside.prometheus import Prometheus
from runmend.worker.assembly import WrongAuthorities, outsiders_for
from tests.answering import Answering, answering, as_vector
from tests.registry.conftest import CERTIFICATE, KEY

NAME = "registry.test"
"""Of the tests' certificate."""


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    file = tmp_path / "certificate.pem"
    file.write_text(CERTIFICATE)
    return file


@pytest.fixture
def server(tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    async def look_up(_: str) -> tuple[ipaddress.IPv4Address, ...]:
        return (ipaddress.IPv4Address("127.0.0.1"),)

    monkeypatch.setattr("runmend.outside.fetching.look_up", look_up)
    key = tmp_path / "key.pem"
    key.write_text(KEY)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority, key)
    with answering(lambda _: as_vector(({}, 1)), tls) as started:
        yield started


def hosts(server: Answering, name: str = NAME) -> tuple[str, ...]:
    return f"{name}:{server.port}", f"127.0.0.1:{server.port}"


def test_who_is_vouched_for_is_asked_under_its_name(server: Answering, authority: Path) -> None:
    tls = trusting(authority)

    found = asyncio.run(Addresses(hosts(server), 5, tls).get(f"https://{NAME}:{server.port}/a"))
    value = asyncio.run(Prometheus(f"https://{NAME}:{server.port}", tls=tls).value("up"))

    assert (found.status, value) == (200, 1)
    assert [headers["host"] for headers in server.headers] == [f"{NAME}:{server.port}"] * 2


def test_who_is_not_vouched_for_is_not_asked(server: Answering) -> None:
    with pytest.raises(NoAnswer, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        asyncio.run(Addresses(hosts(server), 5).get(f"https://{NAME}:{server.port}/"))
    with pytest.raises(NoAnswer, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        asyncio.run(Prometheus(f"https://{NAME}:{server.port}").value("up"))

    assert server.asked == []


def test_another_name_than_the_certificates_is_not_asked(server: Answering, authority: Path) -> None:
    other = Addresses(hosts(server, "other.test"), 5, trusting(authority))
    with pytest.raises(NoAnswer, match="Hostname mismatch"):
        asyncio.run(other.get(f"https://other.test:{server.port}/"))

    assert server.asked == []


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_file_of_authorities_that_is_none_stops_the_workers_start(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)

    with pytest.raises(WrongAuthorities, match=r"^RUNMEND_ANSWER_CA_FILE: .*ca\.pem cannot be used: "):
        outsiders_for(Settings(answer_ca_file=file))
