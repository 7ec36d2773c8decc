"""Which fields of each kind of object a runbook may write, and which of its lists a strategic patch merges.

A kind that is not named here may have its spec changed. What a runbook holds is no secret, so nothing of a Secret's own
is written.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runmend.core.kinds import Kind
from runmend.plan.change import ITEM_KEYS, TAINTS, Path

METADATA: Final = (("metadata", "labels"), ("metadata", "annotations"))
_OF_KINDS: Final[Mapping[str, tuple[Path, ...]]] = {
    "Node": (TAINTS, ("spec", "unschedulable")),
    "ConfigMap": (("data",), ("binaryData",)),
    "Secret": (),
    "ServiceAccount": (("imagePullSecrets",),),
    "Role": (("rules",),),
    "RoleBinding": (("subjects",),),
}
_IN_WORDS: Final[Mapping[str, str]] = {
    "Node": "of a node its taints, spec.unschedulable, labels and annotations may be patched",
    "Secret": "of a Secret its labels and annotations may be patched: what a runbook holds is no secret",
}
_OF_PODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **ITEM_KEYS,
        "ports": "containerPort",
        "topologySpreadConstraints": "topologyKey",
        "resourceClaims": "name",
        "schedulingGates": "name",
    }
)
"""Lists that a strategic merge patch merges entry by entry; `tolerations` and `taints` are replaced as a whole."""
_LISTS: Final[Mapping[str, Mapping[str, str]]] = {
    "Service": {"ports": "port"},
    "CronJob": _OF_PODS,
}


def writable(kind: Kind) -> tuple[Path, ...]:
    """The fields of a kind that a patch may write, and all that is in them."""
    return (*_OF_KINDS.get(kind.name, (("spec",),)), *METADATA)


def in_words(kind: Kind) -> str:
    """The same for who wrote another one."""
    own = (".".join(path) for path in writable(kind) if path[0] != "metadata")
    return _IN_WORDS.get(kind.name, f"what is under {', '.join(own)}, labels or annotations may be patched")


def keys_of_lists(kind: Kind) -> Mapping[str, str]:
    """List → the key by which the API server merges its entries in a strategic patch of a kind."""
    return _OF_PODS if kind.has_pods else _LISTS.get(kind.name, {})
