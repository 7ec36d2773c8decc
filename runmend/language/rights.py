"""What the accounts of an installation need in a cluster, by verb: the rules of RBAC, and what each verb writes.

`runmend.language.admission` makes a policy of the writes; `runmend rbac` and `runmend policy` print both, and
deploy/kubernetes ships what they print.
"""

import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from runmend.kube.notes import LAST_CHANGE

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


@dataclass(frozen=True, slots=True)
class Needs:
    """What a verb needs."""

    rights: tuple[Right, ...] = ()
    writes: tuple[Write, ...] = ()


_TEMPLATE: Final = ("spec", "template", "spec")
_NOTE: Final = ("metadata", "annotations", LAST_CHANGE)

VERBS: Final = {
    "get events": Needs(),
    "patch deployment": Needs(
        rights=(
            Right(
                "apps",
                ("deployments",),
                ("patch",),
                "RUNMEND_MODE=recommend needs it as well, for its dry run; without it a recommendation says that it "
                "was not checked.",
            ),
        ),
        writes=(
            Write(
                "UPDATE",
                "apps/deployments",
                ((*_TEMPLATE, "containers", "*", "image"), (*_TEMPLATE, "initContainers", "*", "image"), _NOTE),
            ),
        ),
    ),
}
"""Every verb of a plan's operations → what it needs besides what each run does."""

_OF_EACH_RUN: Final = (
    Right("", ("pods",), ("get", "list")),
    Right("", ("events",), ("list",)),
    Right("apps", ("replicasets",), ("get", "list")),
    Right("apps", ("deployments",), ("get",)),
    Right(
        "apps",
        ("statefulsets", "daemonsets"),
        ("get",),
        "For targets that are none of Deployments: their pods are listed by the selectors of these.",
    ),
    Right(
        "apps",
        ("controllerrevisions",),
        ("list",),
        "For StatefulSets and DaemonSets: which of their pods are of the newest revision.",
    ),
    Right("batch", ("jobs",), ("get",)),
    Right(
        "",
        ("serviceaccounts",),
        ("get",),
        'Only for the names of an account\'s pull secrets; without it the diagnosis says "unknown" and stops nothing.',
    ),
)
_OF_GROUPS: Final = {
    "node": (
        Right(
            "",
            ("nodes",),
            ("get",),
            "A runbook names facts of nodes, which are in no namespace, so only a binding in the whole cluster gives "
            "this; without it those facts are unknown.",
        ),
    ),
}
"""Group of facts → what reading it needs besides; only where a runbook names it."""
_OF_CHANGING: Final = Needs(
    rights=(
        Right(
            "",
            ("events",),
            ("create",),
            "To tell on a target what was changed and how the run ended, as events; without it the run's report says "
            "that they are missing.",
        ),
    ),
    writes=(Write("CREATE", "/events"),),
)
"""What every run needs that may change something."""
_OF_THE_BRIDGE: Final = (
    Right("", ("pods",), ("get", "list")),
    Right("apps", ("replicasets",), ("get", "list")),
)

WORKER: Final = "worker"
BRIDGE: Final = "bridge"
SECRETS: Final = "read-secrets"


def roles(verbs: Collection[str], groups: Collection[str] = ()) -> dict[str, tuple[Right, ...]]:
    """Role → its rights, for runbooks that use these verbs, and whose expressions name these groups of facts."""
    named = [right for group, rights in _OF_GROUPS.items() if group in groups for right in rights]
    given = [*_OF_EACH_RUN, *named, *(right for needed in _needed(verbs) for right in needed.rights)]
    return {
        BRIDGE: _OF_THE_BRIDGE,
        WORKER: tuple(dict.fromkeys(given)),
        SECRETS: (Right("", ("secrets",), ("get",)),),
    }


def writes(verbs: Collection[str]) -> dict[str, tuple[Write, ...]]:
    """Account → all that it writes, each request once, for runbooks that use these verbs."""
    found: dict[tuple[str, str], Write] = {}
    for write in (write for needed in _needed(verbs) for write in needed.writes):
        key = (write.operation, write.kind)
        before = found.get(key)
        fields = (*before.fields, *write.fields) if before else write.fields
        found[key] = replace(write, fields=tuple(dict.fromkeys(fields)))
    return {BRIDGE: (), WORKER: tuple(found.values())}


def _needed(verbs: Collection[str]) -> Iterator[Needs]:
    """In the table's order, so that the same verbs make the same text."""
    wanted = [needs for verb, needs in VERBS.items() if verb in verbs]
    yield from wanted
    if any(needs.writes for needs in wanted):
        yield _OF_CHANGING


_ROLES_SAY: Final = """\
# Printed by `runmend rbac`. What worker and bridge may do where the roles are bound: ../namespace binds them in one
# namespace, ../components/whole-cluster everywhere. docs/deploy.md says what happens without each verb;
# tests/e2e/test_rights.py takes each away.
"""
_WHY: Final = {
    BRIDGE: "The bridge finds out which workload owns an alert's pod: by name where a webhook tells of few, by lists "
    "where of many.",
    WORKER: "RBAC cannot say which fields of an object may be changed: admission-policy.yaml does.",
    SECRETS: "Whether a pull secret is there, is valid, and has credentials for the image's registry. RBAC knows no "
    '"only pull secrets", so this is the right to read every Secret where it is bound. Nothing here binds it: '
    "../namespace-with-secrets and ../components/read-secrets do.",
}


def roles_yaml(verbs: Collection[str], groups: Collection[str] = ()) -> str:
    """The roles as a file for `kubectl apply`, with a comment where a right is not plain."""
    documents = []
    for name, rights in roles(verbs, groups).items():
        lines = [
            *_comment(_WHY[name]),
            "apiVersion: rbac.authorization.k8s.io/v1",
            "kind: ClusterRole",
            "metadata:",
            f"  name: runmend-{name}",
            "rules:",
        ]
        for right in rights:
            lines += [f"  {line}" for line in _comment(right.why)]
            lines.append(f"  - apiGroups: [{right.group or chr(34) * 2}]")
            lines.append(f"    resources: [{', '.join(right.resources)}]")
            lines.append(f"    verbs: [{', '.join(right.verbs)}]")
        documents.append("\n".join(lines) + "\n")
    return _ROLES_SAY + "---\n".join(documents)


def _comment(text: str, width: int = 130) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, width)]
