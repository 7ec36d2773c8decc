"""Who may send webhooks: a bearer token from a file, and where the bridge may listen without one."""

import hmac
import ipaddress
from collections.abc import Mapping
from http import HTTPStatus

from runmend.bridge.problems import Problem
from runmend.core.errors import PermanentError
from runmend.core.settings import Settings


class Exposed(PermanentError):
    """The bridge would take alerts from anybody."""


def read_token(settings: Settings) -> str | None:
    """The token that webhooks must carry, None where none is asked for.

    Raises:
        Exposed: the file cannot be read, or is empty, or holds more than a token.
    """
    if settings.token_file is None:
        return None
    try:
        token = settings.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Exposed(f"RUNMEND_TOKEN_FILE {settings.token_file} cannot be read: {error}") from error
    if not token:
        raise Exposed(f"RUNMEND_TOKEN_FILE {settings.token_file} is empty; put a token into it: openssl rand -hex 32")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Exposed(
            f"RUNMEND_TOKEN_FILE {settings.token_file} must hold one token: printable ASCII on one line, no blanks"
        )
    return token


def check_exposure(host: str, settings: Settings, insecure: bool = False) -> None:  # noqa: FBT001, FBT002  one flag of the command line
    """Refuse to listen off loopback without a token, unless that is asked for explicitly.

    Raises:
        Exposed: nobody would be asked for a token, or the token's file is no good.
    """
    if read_token(settings) is None and not insecure and not _is_loopback(host):
        raise Exposed(
            f"listening on {host} without a token would let anybody start runs; set RUNMEND_TOKEN_FILE, or pass "
            "--insecure"
        )


class Guard:
    """Lets a webhook in, or not. The token is read once: a new one needs a restart."""

    def __init__(self, settings: Settings) -> None:
        token = read_token(settings)
        self._token = token.encode() if token else None

    def check(self, headers: Mapping[str, str]) -> None:
        """Look at a request's headers; its body has not been read yet.

        Raises:
            Problem: 403 from a web page, 401 without the token.
        """
        # A page in somebody's browser can post to loopback; Alertmanager is no browser and has no origin.
        if "origin" in headers:
            raise Problem(
                HTTPStatus.FORBIDDEN, "Webhooks are not taken from web pages (the request has an Origin header)."
            )
        if self._token is None:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "The webhook needs the bearer token that RUNMEND_TOKEN_FILE holds.",
                headers={"WWW-Authenticate": 'Bearer realm="runmend"'},
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
