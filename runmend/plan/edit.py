"""What a step does to an object beside the run's target: create it, apply a document to it, or delete it. Pure."""

from enum import StrEnum
from typing import Any

from runmend.alerts.alert import Target
from runmend.core.frozen import Frozen

Json = dict[str, Any]


class Edit(StrEnum):
    """How it is edited."""

    CREATE = "create"
    APPLY = "apply"
    DELETE = "delete"

    @property
    def done(self) -> str:
        """`created`."""
        return {Edit.CREATE: "created", Edit.APPLY: "applied", Edit.DELETE: "deleted"}[self]


class Made(Frozen):
    """An object beside the target that a step has created, changed or deleted."""

    how: Edit
    kind: str
    namespace: str
    name: str
    uid: str = ""

    def __str__(self) -> str:
        """`ConfigMap shop/web`."""
        return f"{self.kind} {self.namespace}/{self.name}"


class Beside(Frozen):
    """What is to be done to an object beside the target; `body` is what it is created as, or what is applied."""

    how: Edit
    object: Target
    body: Json = {}
    harmless: bool = False
    """Whether nothing that runs can lose by it."""
