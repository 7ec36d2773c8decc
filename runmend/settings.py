"""Our own settings, `RUNMEND_*`. Temporal's are its own (`TEMPORAL_*` and profiles), Kubernetes' too (`KUBECONFIG`, in-cluster)."""

from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from runmend.plan import Mode

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})


class Settings(BaseSettings):
    """The installation's settings; read once, when a process starts."""

    model_config = SettingsConfigDict(env_prefix="RUNMEND_", env_ignore_empty=True, extra="ignore", frozen=True)

    # Where
    cluster: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """The cluster's name: the first part of workflow ids, and the end of the task queue's name."""
    cluster_label: str | None = None
    """The alerts' label that names their cluster; an alert of another one is unrouted. None: the label is not looked at."""
    kube_context: str | None = None
    """The kubeconfig's context. None: its current one, or in-cluster where there is no kubeconfig."""
    runbooks: Path = Path("runbooks")
    """The directory of runbooks."""
    web_ui: str = "http://127.0.0.1:8233"
    """The Temporal Web UI's address, for links."""

    # What may be done
    namespaces: str = "*"
    """Where anything is changed: names and globs, separated by commas. The system's namespaces only where they are named in full."""
    mode: Mode | None = None
    """What runs may do by themselves; the strictest of installation, runbook and run wins. None: says nothing."""
    protect_serving: bool | None = None
    """Whether a Deployment with available pods is left to a person; the runbook's word comes first. None: it is."""
    hold_minutes: float = Field(default=60, ge=0)
    """For how long after a failed run no new one starts that would try the same again."""

    # The bridge
    token_file: Path | None = None
    """The file with the bearer token that webhooks must carry. None: none is asked for, on loopback only."""

    # The worker
    metrics_port: int | None = None
    """The worker's port for Prometheus, on loopback unless `metrics_host` says otherwise. None: no metrics."""
    metrics_host: str = "127.0.0.1"

    # The registries that the diagnosis asks
    registry_allow_loopback: bool = False
    """Whether registries on loopback and link-local addresses are asked."""
    registry_token_realms: str = ""
    """Hosts, separated by commas, that may hand out tokens for registries of other domains."""

    @property
    def task_queue(self) -> str:
        """One task queue for each cluster."""
        return f"runmend-{self.cluster}"

    @property
    def hold(self) -> timedelta:
        """`hold_minutes` as a duration."""
        return timedelta(minutes=self.hold_minutes)

    @property
    def token_realms(self) -> tuple[str, ...]:
        """`registry_token_realms`, parted."""
        return tuple(realm.strip() for realm in self.registry_token_realms.split(",") if realm.strip())

    def may_change(self, namespace: str) -> bool:
        """Whether anything may be changed in a namespace."""
        allowed = [pattern.strip() for pattern in self.namespaces.split(",") if pattern.strip()]
        if namespace in SYSTEM_NAMESPACES:
            return namespace in allowed
        return any(fnmatchcase(namespace, pattern) for pattern in allowed)
