"""Who may send webhooks: a bearer token from a file, and where the bridge may listen without one."""

import hmac
import ipaddress
import os
import stat
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from runmend.bridge.problems import Problem
from runmend.core.errors import PermanentError
from runmend.core.files import read_small
from runmend.core.settings import Settings

TOKEN_LEAST: Final = 16
"""The fewest characters of a token: 64 bits where they are hexadecimal digits made by chance."""
_FILE_MAX: Final = 4096
_ROOT: Final = 0
_MUST_HOLD: Final = "must hold one token: printable ASCII on one line, no blanks"


class Exposed(PermanentError):
    """The bridge would take alerts from anybody."""


def read_token(settings: Settings) -> str | None:
    """The token that webhooks must carry, None where none is asked for.

    Raises:
        Exposed: the file cannot be read, holds no token or one that can be guessed, or is ours and open to others.
    """
    if settings.token_file is None:
        return None
    named = f"RUNMEND_TOKEN_FILE {settings.token_file}"
    try:
        data, status = read_small(settings.token_file, _FILE_MAX)
        token = data.decode().strip()
    except OSError as error:
        raise Exposed(f"{named} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Exposed(f"{named} {_MUST_HOLD}") from error
    if not token:
        raise Exposed(f"{named} is empty; put a token into it: openssl rand -hex 32")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Exposed(f"{named} {_MUST_HOLD}")
    if len(token) < TOKEN_LEAST:
        raise Exposed(
            f"{named} holds a token of {len(token)} characters, which can be guessed; {TOKEN_LEAST} are the least: "
            "openssl rand -hex 32"
        )
    if _open_to_others(status) and status.st_uid == os.geteuid() != _ROOT:
        raise Exposed(f"{named} is open to every user of this machine; chmod 600 {settings.token_file}")
    return token


def warning_about(settings: Settings) -> str | None:
    """What is to be said of a token's file that is taken all the same; None where there is nothing.

    A file that is not ours, or root's, may be in a volume that nobody else sees, as a Secret of Kubernetes is.
    """
    if settings.token_file is None:
        return None
    status = settings.token_file.stat()
    if not _open_to_others(status):
        return None
    return f"its mode is {stat.S_IMODE(status.st_mode):04o}: whoever sees the file can use the token, or put another"


def _open_to_others(status: os.stat_result) -> bool:
    return bool(status.st_mode & (stat.S_IROTH | stat.S_IWOTH))


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
