"""The settings' file of certificate authorities: what becomes of one that cannot be used."""

from pathlib import Path

import pytest

from runmend.core.settings import Settings
from runmend.worker.assembly import AUTHORITIES_MAX, WrongAuthorities, registry_for
from tests.registry.conftest import CERTIFICATE

NOT_THERE = "No such file or directory"


@pytest.mark.parametrize(
    "text", ["", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ca.crt"
    file.write_text(text)

    with pytest.raises(WrongAuthorities) as refused:
        registry_for(Settings(registry_ca_file=file))

    assert str(refused.value).startswith(f"RUNMEND_REGISTRY_CA_FILE: {file} cannot be used: ")
    assert "None" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"

    with pytest.raises(WrongAuthorities) as refused:
        registry_for(Settings(registry_ca_file=file))

    assert str(refused.value) == f"RUNMEND_REGISTRY_CA_FILE: {file} cannot be used: {NOT_THERE}"


def test_its_authorities_are_trusted_besides_the_public_ones(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text(CERTIFICATE)

    public = registry_for(Settings())._tls.cert_store_stats()["x509"]
    besides = registry_for(Settings(registry_ca_file=file))._tls.cert_store_stats()["x509"]

    assert public > 0
    assert besides == public + 1


def test_the_networks_that_are_named_are_asked() -> None:
    named = registry_for(Settings(registry_networks="127.0.0.0/8"))

    assert "127.0.0.1 is refused" in registry_for(Settings()).ask("127.0.0.1:1/app:1").why
    assert "refused: " not in named.ask("127.0.0.1:1/app:1").why


def test_a_file_that_is_too_large_to_be_one_of_authorities_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(b"x" * (AUTHORITIES_MAX + 1))

    with pytest.raises(WrongAuthorities, match=f"{file} cannot be used: it has more than {AUTHORITIES_MAX} bytes"):
        registry_for(Settings(registry_ca_file=file))
