"""Who may send webhooks, and where the bridge may listen."""

from pathlib import Path

import pytest

from runmend.bridge import Exposed, check_exposure
from runmend.bridge.security import read_token
from runmend.core.settings import Settings
from tests.bridge.support import Installation, webhook

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        TOKEN,
        f"Basic {TOKEN}",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer t\u00f6ken",
    ],
)
async def test_without_the_token_a_webhook_is_not_even_read(
    installed: Installation, token_file: Path, given: str | None
) -> None:
    headers = [] if given is None else [(b"Authorization", given.encode())]

    async with installed.with_settings(token_file=token_file).http as http:
        response = await http.post("/alerts", content=b"not read", headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="runmend"'
    assert response.headers["content-type"] == "application/problem+json"
    assert TOKEN not in response.text


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN} "])
async def test_with_the_token_a_webhook_is_taken(installed: Installation, token_file: Path, given: str) -> None:
    async with installed.with_settings(token_file=token_file).http as http:
        response = await http.post("/alerts", json=webhook(), headers={"Authorization": given})

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_and_metrics_need_no_token(installed: Installation, token_file: Path, path: str) -> None:
    async with installed.with_settings(token_file=token_file).http as http:
        assert (await http.get(path)).status_code == 200


async def test_a_page_in_a_browser_cannot_post_alerts(installed: Installation) -> None:
    response = await installed.http.post("/alerts", json=webhook(), headers={"Origin": "http://evil.example"})

    assert response.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_no_token_is_needed(host: str) -> None:
    check_exposure(host, Settings())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "bridge.example", "localhost.example", ""])
def test_off_loopback_a_token_or_insecure_is_needed(host: str, token_file: Path) -> None:
    with pytest.raises(
        Exposed, match=r"without a token would let anybody start runs; set RUNMEND_TOKEN_FILE, or pass --insecure"
    ):
        check_exposure(host, Settings())
    check_exposure(host, Settings(token_file=token_file))
    check_exposure(host, Settings(), insecure=True)


@pytest.mark.parametrize("text", ["", "\n", "two tokens", "two\nlines", "t\u00f6ken"])
def test_a_token_file_that_holds_no_token_is_an_error_at_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)

    with pytest.raises(Exposed, match=r"is empty|must hold one token"):
        check_exposure("127.0.0.1", Settings(token_file=file), insecure=True)


def test_a_token_file_that_is_not_there_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(Exposed, match="cannot be read"):
        read_token(Settings(token_file=tmp_path / "nowhere"))
