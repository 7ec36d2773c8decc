"""HTTP to an API server: its address, its credentials, and the connections that are kept open.

The only module that imports `kubernetes`.

Credentials rotate: a token or a certificate is replaced on disk, or a plugin is to be asked for a new one. They are
used until they expire or the API server refuses them; then everything is read anew, and the request is sent once more.
"""

import atexit
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3
import yaml
from kubernetes import client as api
from kubernetes import config
from kubernetes.client.rest import RESTClientObject

from runmend.core.errors import PermanentError
from runmend.core.files import check_small

REFRESH_SECONDS: Final = 1.0
"""How often the credentials are looked at; those that say when they expire are made anew minutes before."""
RENEWAL_SECONDS: Final = 3.0
"""The longest to wait for another thread that reads the credentials anew."""
UNAUTHENTICATED: Final = 401
_CONNECTIONS: Final = 32
"""As many as a worker has threads; more are opened and dropped."""
_ERROR_SHOWN: Final = 500
_KUBECONFIG_MAX: Final = 4 * 1024 * 1024
"""Bytes; those of a hundred clusters have less than one."""
_AGENT: Final = f"runmend/{version('runmend')} (kubernetes/{version('kubernetes')})"
"""Who it was must be told from the API server's audit log."""

_log = logging.getLogger(__name__)


class NotConfigured(PermanentError):
    """There is no way to a cluster: no kubeconfig, and not in a pod."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered: a status, headers, and a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """The way to an API server. Safe to share between threads."""

    def __init__(self, load: Callable[[], api.Configuration]) -> None:
        """`load` reads address and credentials; it is called again whenever they are refused.

        Raises:
            NotConfigured: by `load`.
        """
        self._load = load
        self._lock = threading.Lock()
        self._session = _Session(load())
        self._renewed_at = -REFRESH_SECONDS

    @classmethod
    def to(cls, kubeconfig: Path | None, context: str | None) -> "Connection":
        """By a kubeconfig (None: KUBECONFIG, else ~/.kube/config), or in-cluster where there is none.

        Which of them, and which context, is decided once: a kubeconfig whose current context is another one later, or
        that is gone, leads nowhere else.

        Raises:
            NotConfigured: neither is there, or it cannot be read.
        """
        return cls(_Source(kubeconfig, context).load)

    @property
    def host(self) -> str:
        """The API server's address."""
        return self._session.host

    def close(self) -> None:
        """Drop the connections."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        timeout: tuple[float, float] | float,
    ) -> Answer:
        """Send a request, and where its credentials are refused, once more with those that are there by then.

        Args:
            method: GET, PATCH, POST …
            path: what is asked for, each of its parts quoted already.
            headers: what goes with it, besides the credentials.
            query: its parameters, not quoted.
            body: what to send, as JSON.
            timeout: seconds: to connect and to wait for what comes next, or for all of it.

        Raises:
            urllib3.exceptions.HTTPError, OSError: there was no answer.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        limit = (
            urllib3.Timeout(connect=timeout[0], read=timeout[1])
            if isinstance(timeout, tuple)
            else urllib3.Timeout(total=timeout)
        )
        used = self._session
        try:
            answer = used.send(method, target, headers, data, limit)
        except urllib3.exceptions.MaxRetryError as error:
            if not isinstance(error.reason, urllib3.exceptions.SSLError) or (fresh := self._renewed(used)) is None:
                raise
        else:
            if answer.status != UNAUTHENTICATED or (fresh := self._renewed(used)) is None:
                return answer
        return fresh.send(method, target, headers, data, limit)

    def _renewed(self, refused: "_Session") -> "_Session | None":
        """The session to use instead of one that was refused: another thread may have read the credentials already.

        None where they cannot be read, were read a moment ago, or are another cluster's.
        """
        if not self._lock.acquire(timeout=RENEWAL_SECONDS):
            return None  # a plugin does not answer another thread
        try:
            if self._session is not refused:
                return self._session
            if time.monotonic() - self._renewed_at < REFRESH_SECONDS:
                return None
            self._renewed_at = time.monotonic()
            try:
                fresh = _Session(self._load())
            except NotConfigured as error:
                _log.warning("credentials cannot be read anew", extra={"error": str(error)})
                return None
            if fresh.host != refused.host:
                _log.warning("credentials are another cluster's", extra={"host": refused.host, "found": fresh.host})
                return None
            self._session = fresh
            _log.info("credentials read anew", extra={"host": fresh.host})
            return fresh
        finally:
            self._lock.release()


class _Session:
    """Address, credentials and connections as they were read."""

    def __init__(self, configuration: api.Configuration) -> None:
        # The client's own retries are off: Temporal retries, by the error's kind.
        configuration.retries = urllib3.Retry(0, respect_retry_after_header=False)
        configuration.client_go_retries = False
        configuration.connection_pool_maxsize = _CONNECTIONS
        if refresh := configuration.refresh_api_key_hook:
            configuration.refresh_api_key_hook = _seldom(refresh)
        self.host: str = configuration.host
        self._configuration = configuration
        self._pools: Any = RESTClientObject(configuration).pool_manager
        self._base = urlsplit(self.host).path.rstrip("/")
        # A pool of its own saves half of a request's time; a proxy wants to see every address.
        self._pool = None
        if type(self._pools) is urllib3.PoolManager:
            self._pool = self._pools.connection_from_url(self.host)

    def close(self) -> None:
        self._pools.clear()

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, timeout: urllib3.Timeout
    ) -> Answer:
        all_headers = {"User-Agent": _AGENT, **headers}
        key = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if key:
            all_headers["Authorization"] = key
        to, url = (self._pool, self._base + target) if self._pool else (self._pools, self.host.rstrip("/") + target)
        answer = to.urlopen(method, url, body=body, headers=all_headers, redirect=False, timeout=timeout)
        return Answer(answer.status, answer.headers, answer.data)


@cache
def _folder() -> str:
    """Where the client writes what a kubeconfig holds of certificates and keys, which it wants in files."""
    folder = tempfile.mkdtemp(prefix="runmend-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def forget_files() -> None:
    """Remove what was written of certificates and keys; for a process that ends without its exit handlers."""
    if _folder.cache_info().currsize:
        shutil.rmtree(_folder(), ignore_errors=True)


class _Source:
    """Where address and credentials are read: which kind of place, and which context, is what the first time found."""

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._in_cluster = False
        self._known = False

    def load(self) -> api.Configuration:
        """Address and credentials as they are now.

        Raises:
            NotConfigured: they cannot be read.
        """
        configuration = api.Configuration()
        if self._in_cluster:
            self._from_pod(configuration)
        else:
            self._from_kubeconfig(configuration)
        self._known = True
        return configuration

    def _from_kubeconfig(self, configuration: api.Configuration) -> None:
        where = str(self._kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
        path = str(self._kubeconfig) if self._kubeconfig else None
        try:
            for each in filter(None, where.split(os.pathsep)):
                check_small(Path(each).expanduser(), _KUBECONFIG_MAX)
            context = self._context or _current_context(path)
            config.load_kube_config(
                config_file=path,
                context=context,
                client_configuration=configuration,
                persist_config=False,
                temp_file_path=_folder(),
            )  # type: ignore[no-untyped-call]
            self._context = context
        except config.ConfigException as error:
            if self._kubeconfig or self._context or self._known:
                raise NotConfigured(f"the kubeconfig {where} cannot be used: {error}") from error
            try:
                self._from_pod(configuration)
            except NotConfigured as outside:
                raise NotConfigured(f"no cluster: the kubeconfig {where}: {error}; and {outside}") from outside
            self._in_cluster = True
        except (OSError, ValueError, yaml.YAMLError) as error:
            why = " ".join(str(error).split())[:_ERROR_SHOWN]
            raise NotConfigured(f"the kubeconfig {where} cannot be read: {why}") from error
        except (TypeError, AttributeError) as error:
            raise NotConfigured(f"the kubeconfig {where} cannot be read: it is not shaped as one") from error

    @staticmethod
    def _from_pod(configuration: api.Configuration) -> None:
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise NotConfigured(f"not in a pod: {error}") from error


def _current_context(path: str | None) -> str:
    _, current = config.list_kube_config_contexts(config_file=path)  # type: ignore[no-untyped-call]
    return str(current["name"])


def _seldom(refresh: Callable[[api.Configuration], None]) -> Callable[[api.Configuration], None]:
    """The hook that keeps the credentials fresh, called once in `REFRESH_SECONDS` at most.

    A kubeconfig's takes longer than all else that is done for a request, and puts itself in this one's place. One that
    fails changes nothing: the credentials that are there are used until they are refused.
    """
    called = -REFRESH_SECONDS

    def hook(configuration: api.Configuration) -> None:
        nonlocal called
        now = time.monotonic()
        if now - called >= REFRESH_SECONDS:
            called = now
            try:
                refresh(configuration)
            except (config.ConfigException, OSError, ValueError) as error:
                _log.warning("credentials cannot be refreshed", extra={"error": str(error)})
            configuration.refresh_api_key_hook = hook  # type: ignore[assignment]

    return hook
