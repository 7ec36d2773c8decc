"""Our own settings, `RUNMEND_*`.

Temporal's are its own (`TEMPORAL_*` and profiles), Kubernetes' too (`KUBECONFIG`, in-cluster).
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from runmend.core.errors import PermanentError
from runmend.core.modes import Mode

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})
HOLD_MINUTES_MAX: Final = 525_600
"""A year."""
KINDS_CHANGED: Final = (
    "Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, Pod, HorizontalPodAutoscaler, PodDisruptionBudget, Node"
)
"""Workloads, autoscalers, budgets and nodes."""
LOOK_SECONDS: Final = 30
LOOK_SECONDS_MAX: Final = 3600
PREFIX: Final = "RUNMEND_"
OF_OTHERS: Final = frozenset({"RUNMEND_UID", "RUNMEND_GID"})
"""Variables that docker-compose.yml reads, and no process of ours."""
_SAYS_WHEN_EMPTY: Final = frozenset({"namespaces", "kinds"})
# What Kubernetes puts into a pod for a Service named `runmend-…`, behind the Service's own part of the name.
_OF_A_SERVICE: Final = r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"


_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class UnknownSetting(PermanentError):
    """A RUNMEND_* variable is not a setting."""


class _Environment(EnvSettingsSource):
    """The environment. An empty variable counts as unset, as compose writes it, but for those that say something so."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if value != "" or name in _SAYS_WHEN_EMPTY}


class Settings(BaseSettings):
    """The installation's settings; read once, when a process starts. Whoever reads them calls `check_names` as well."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # Where
    cluster: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """The cluster's name: the first part of workflow ids, and the end of the task queue's name."""
    cluster_label: str | None = None
    """The alerts' label that names their cluster; an alert of another one is unrouted. None: the label is not looked
    at."""
    kube_context: str | None = None
    """The kubeconfig's context. None: its current one, or in-cluster where there is no kubeconfig."""
    runbooks: Path = Path("runbooks")
    """The directory of runbooks."""
    web_ui: str = "http://127.0.0.1:8233"
    """The Temporal Web UI's address, for links."""

    # What may be done
    namespaces: str = "*"
    """Where anything is changed: names and globs, separated by commas; empty: nowhere. The system's namespaces only by
    their full names."""
    nodes: str = ""
    """Which nodes are changed, and have their pods moved away: names and globs, separated by commas; empty: none.
    `namespaces` says nothing of nodes."""
    kinds: str = KINDS_CHANGED
    """Which kinds of objects are changed: names and globs, separated by commas, whatever their case; a custom resource
    as its CustomResourceDefinition is called. Empty: none."""
    mode: Mode | None = None
    """What runs may do by themselves; the strictest of installation, runbook and run wins. None: says nothing."""
    auto_namespaces: str = ""
    """Where `mode` does not hold, and runs may be auto: names and globs as in `namespaces`."""
    protect_serving: bool | None = None
    """Whether what would take serving (Ready) pods away, and what an init container runs, is left to a person; the
    runbook's word comes first. None: it is."""
    hold_minutes: float = Field(default=60, ge=0, le=HOLD_MINUTES_MAX, allow_inf_nan=False)
    """For how long after a run that left the trouble where it was none is started for the same trouble."""

    # The bridge
    token_file: Path | None = None
    """The file with the bearer token that webhooks must carry. None: none is asked for, on loopback only."""

    connections_max: int = Field(default=200, ge=8, le=100_000)
    """How many connections the bridge has at a time; fewer, where the process may open fewer files. Of more, the one
    that has waited longest for its other side is ended."""

    # Signed plans
    plan_key_file: Path | None = None
    """The file of keys that runs are signed with when they are started; a worker then does no others. None: neither."""

    # What worker and bridge tell of themselves
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """The worker's port for Prometheus, on loopback unless `metrics_host` says otherwise. None: no metrics."""
    sdk_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """The port for what Temporal's SDK counts, of worker and bridge. None: no such metrics."""
    metrics_host: str = "127.0.0.1"
    """Where both ports are opened. The bridge's own metrics are served where it takes webhooks."""
    log_format: Literal["console", "json"] = "console"
    """How log lines are written."""

    # The worker
    look_seconds: int = Field(default=LOOK_SECONDS, ge=1, le=LOOK_SECONDS_MAX)
    """From one look at a target to the next, while its verification window lasts."""
    build_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$")
    """As which version of the worker deployment `deployment` the worker polls. None: unversioned."""

    # What else expressions ask
    prometheus_url: str | None = None
    """Where Prometheus is, or what answers as it does: the address before `/api/v1/query`. None: nothing is asked of
    it."""
    prometheus_token_file: Path | None = None
    """The file with the bearer token that Prometheus is sent; it is read for each question. None: it is sent none."""
    http_hosts: str = ""
    """The hosts that `http(…)` may ask, `host` or `host:port`, separated by commas; empty: none. An address of
    loopback, of a link or of a cloud's metadata only where it is itself among them."""
    answer_seconds: float = Field(default=5, ge=0.1, le=10, allow_inf_nan=False)
    """How long Prometheus, and a host of `http(…)`, may take for an answer."""

    answer_ca_file: Path | None = None
    """A PEM file of certificate authorities that these are trusted by, besides the public ones."""

    # The registries that the diagnosis asks
    registry_networks: str = ""
    """Networks, separated by commas, in which registries are asked though their addresses are not public."""
    registry_token_realms: str = ""
    """Hosts, separated by commas, that may hand out tokens for registries of other domains."""
    registry_ca_file: Path | None = None
    """A PEM file of certificate authorities that registries are trusted by, besides the public ones."""

    @model_validator(mode="after")
    def _has_what_it_makes_exceptions_from(self) -> "Settings":
        if self.auto_namespaces and self.mode is not Mode.RECOMMEND:
            raise ValueError("auto_namespaces makes exceptions from the mode recommend; set RUNMEND_MODE=recommend")
        return self

    @field_validator("prometheus_url")
    @classmethod
    def _is_an_address(cls, text: str | None) -> str | None:
        return None if text is None else prometheus_at(text)

    @field_validator("http_hosts")
    @classmethod
    def _is_a_list_of_hosts(cls, text: str) -> str:
        for host in _parted(text):
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host} is not of the form host or host:port")
        return text

    @field_validator("registry_networks")
    @classmethod
    def _is_a_list_of_networks(cls, text: str) -> str:
        networks_in(text)
        return text

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the names are pydantic's
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keywords, then the environment; nothing else is read."""
        return init_settings, _Environment(settings_cls)

    @property
    def task_queue(self) -> str:
        """One task queue for each cluster."""
        return f"runmend-{self.cluster}"

    @property
    def deployment(self) -> str:
        """The worker deployment's name, the task queue's but for the dot, which Temporal keeps for itself there."""
        return self.task_queue.replace(".", "/")

    @property
    def hold(self) -> timedelta:
        """`hold_minutes` as a duration."""
        return timedelta(minutes=self.hold_minutes)

    @property
    def token_realms(self) -> tuple[str, ...]:
        """`registry_token_realms`, parted."""
        return tuple(realm.strip() for realm in self.registry_token_realms.split(",") if realm.strip())

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`registry_networks`, parted."""
        return networks_in(self.registry_networks)

    @property
    def hosts_asked(self) -> tuple[str, ...]:
        """`http_hosts`, parted."""
        return tuple(_parted(self.http_hosts))

    def may_change(self, namespace: str) -> bool:
        """Whether anything may be changed in a namespace."""
        return namespace != "" and _is_among(namespace, self.namespaces)

    def may_change_node(self, name: str) -> bool:
        """Whether a node may be changed."""
        return any(fnmatchcase(name, pattern) for pattern in _parted(self.nodes))

    def may_change_kind(self, kind: str) -> bool:
        """Whether objects of a kind may be changed."""
        return any(fnmatchcase(kind.lower(), pattern.lower()) for pattern in _parted(self.kinds))

    def mode_in(self, namespace: str) -> Mode | None:
        """What runs in a namespace (for targets in none, where it is empty) may do by themselves, as the installation
        says; None: it says nothing.
        """
        return None if namespace and _is_among(namespace, self.auto_namespaces) else self.mode


def prometheus_at(text: str) -> str:
    """The address of a Prometheus, looked at.

    Raises:
        ValueError: it is none; the message says why.
    """
    parts = urlsplit(text)
    _ = parts.port  # raises where it is none
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is no address of http or https")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("it holds a user, a query or a fragment; a token stands in a file")
    return text


def networks_in(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks, separated by commas; an address alone is a network of one.

    Raises:
        ValueError: one of them is none; the message says what is wrong with it.
    """
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def _parted(patterns: str) -> list[str]:
    return [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]


def _is_among(namespace: str, patterns: str) -> bool:
    """Whether a list of names and globs has a namespace; those of the system only by their full names."""
    allowed = _parted(patterns)
    if namespace in SYSTEM_NAMESPACES:
        return namespace in allowed
    return any(fnmatchcase(namespace, pattern) for pattern in allowed)


def check_names(variables: Iterable[str]) -> None:
    """Look for misspelt settings among the environment's names: what a misspelt one was to forbid would be allowed.

    Raises:
        UnknownSetting: a RUNMEND_* variable is not a setting; the message names the nearest one.
    """
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    names = {name.upper() for name in variables}
    services = "|".join(
        re.escape(name.removesuffix("_SERVICE_HOST")) for name in names if name.endswith("_SERVICE_HOST")
    )
    of_services = re.compile(f"({services}){_OF_A_SERVICE}" if services else "(?!)")
    said = []
    for name in sorted(name for name in names - known - OF_OTHERS if name.startswith(PREFIX)):
        if not of_services.fullmatch(name):
            [nearest] = get_close_matches(name, sorted(known), n=1, cutoff=0)
            said.append(f"{name} is not a setting, the nearest is {nearest}")
    if said:
        raise UnknownSetting(f"{'; '.join(said)}; correct or unset it, docs/settings.md names them all")
