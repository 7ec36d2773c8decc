"""What a verb needs in a cluster: rights, as rules of RBAC have them, and the fields that it writes."""

from dataclasses import dataclass
from typing import Literal

Field = tuple[str, ...]
"""The way to a field of an object, key by key; `*` stands for every entry of a list whose entries have names."""


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on kinds of objects, as a rule of RBAC has them; `why` is its comment."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changes something, as admission sees it: `kind` is `group/resource` or
    `group/resource/subresource`, `fields` all that an UPDATE may change.
    """

    operation: Literal["CREATE", "UPDATE", "DELETE"]
    kind: str
    fields: tuple[Field, ...] = ()
    anywhere: bool = False
    """Whether it is done in the system's namespaces, and in the installation's own, as well."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a verb needs."""

    rights: tuple[Right, ...] = ()
    writes: tuple[Write, ...] = ()
