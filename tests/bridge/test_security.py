"""Who may send webhooks, where the bridge may listen, and what it makes of the file that holds its token."""

import os
from pathlib import Path

import pytest

from runmend.bridge import Exposed, check_exposure
from runmend.bridge.security import TOKEN_LEAST, read_token, warning_about
from runmend.core.settings import Settings
from tests.bridge.support import Installation, webhook

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
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


def test_a_token_that_can_be_guessed_is_an_error_at_start(token_file: Path) -> None:
    token_file.write_text("x" * (TOKEN_LEAST - 1))

    with pytest.raises(
        Exposed, match="holds a token of 15 characters, which can be guessed; 16 are the least: openssl"
    ):
        check_exposure("127.0.0.1", Settings(token_file=token_file))

    token_file.write_text("x" * TOKEN_LEAST)
    check_exposure("127.0.0.1", Settings(token_file=token_file))


def test_a_token_file_without_an_end_is_an_error_at_start_and_nobody_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * 5000)
    os.mkfifo(tmp_path / "pipe")

    for name, why in {
        "large": "it has more than 4096 bytes",
        "pipe": "no regular file",
        "/dev/zero": "no regular",
    }.items():
        with pytest.raises(Exposed, match=why):
            read_token(Settings(token_file=tmp_path / name))


def of_a_user(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the file belong to whom this process says that it runs as, and that is not root."""
    user = os.geteuid() or 1000
    os.chown(file, user, -1)
    monkeypatch.setattr(os, "geteuid", lambda: user)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_token_file_of_ones_own_that_others_may_read_or_write_is_an_error_at_start(
    token_file: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    token_file.chmod(mode)
    of_a_user(token_file, monkeypatch)

    with pytest.raises(Exposed, match=f"is open to every user of this machine; chmod 600 {token_file}"):
        check_exposure("127.0.0.1", Settings(token_file=token_file))


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_a_token_file_that_a_group_may_read_is_taken(
    token_file: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    token_file.chmod(mode)
    of_a_user(token_file, monkeypatch)

    assert read_token(Settings(token_file=token_file)) == TOKEN
    assert warning_about(Settings(token_file=token_file)) is None


def test_a_secret_of_kubernetes_as_it_is_mounted_by_default_is_taken_and_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another user's file, root's, of mode 0644, through two symbolic links.
    data = tmp_path / "..2026_11_28"
    data.mkdir()
    (data / "token").write_text(TOKEN)
    (data / "token").chmod(0o644)
    (tmp_path / "..data").symlink_to(data.name)
    (tmp_path / "token").symlink_to("..data/token")
    monkeypatch.setattr(os, "geteuid", lambda: data.stat().st_uid + 1000)
    settings = Settings(token_file=tmp_path / "token")

    assert read_token(settings) == TOKEN
    assert warning_about(settings) == "its mode is 0644: whoever sees the file can use the token, or put another"


def test_root_is_warned_and_not_refused(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_file.chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert read_token(Settings(token_file=token_file)) == TOKEN
    assert warning_about(Settings(token_file=token_file)) is not None
