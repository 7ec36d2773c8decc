"""What looks like a credential is hidden before a line is kept."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.core.credentials import MASK, masked


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("DB_PASSWORD=hunter2 retries=3", "DB_PASSWORD=*** retries=3"),
        ('{"api_key": "abc def", "port": 80}', '{"api_key": ***, "port": 80}'),
        ("token: abc", "token: ***"),
        ("Authorization: Bearer abc.def-1", "Authorization: ***"),
        ("sent with bearer abcdefgh12", "sent with bearer ***"),
        ("postgres://robot:hunter2@db:5432/shop is down", "postgres://***@db:5432/shop is down"),
        ("https://robot@registry.example/v2/", "https://***@registry.example/v2/"),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2ln expired", "jwt *** expired"),
        ("key AKIAABCDEFGHIJKLMNOP", "key ***"),
        ("ghp_abcdefghijklmnopqrstuvwxyz", "***"),
        ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7", "***"),
        ("aws_secret_access_key = abc", "aws_secret_access_key = ***"),
    ],
)
def test_a_credential_is_masked_and_the_rest_stays(line: str, kept: str) -> None:
    assert masked(line) == kept


@pytest.mark.parametrize(
    "line",
    [
        'Failed to pull image "registry.example/app:missing": not found',
        "app@sha256:" + "0a" * 32,
        "GET /healthz 200 in 3ms",
        "pod web-6b9f4d7c5-x2x9z, uid 1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "the secret regcred does not exist",
        "Error: secret not found",
    ],
)
def test_what_is_none_stays(line: str) -> None:
    assert masked(line) == line


@given(st.text(string.printable, max_size=80), st.text(string.ascii_letters + string.digits, min_size=6, max_size=30))
def test_a_named_password_never_stays(before: str, password: str) -> None:
    line = f"{before.split(MASK, maxsplit=1)[0]} password={password}!"

    assert f"password={password}" not in masked(line)


def test_a_hostile_line_takes_no_time() -> None:
    began = time.process_time()
    for line in ("token" * 4_000, "a://" * 5_000, 'password="' * 2_000, "eyJ" * 7_000, "bearer " * 3_000, "x" * 10**6):
        masked(line)
    assert time.process_time() - began < 2
