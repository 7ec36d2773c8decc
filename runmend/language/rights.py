"""What the accounts of an installation need in a cluster: the rules of RBAC, and the fields that they write.

`runmend.language.admission` makes a policy of the writes; `runmend rbac` and `runmend policy` print both, and
deploy/kubernetes ships what they print.
"""

import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from runmend.core.kinds import is_in_no_namespace, kind_of_name
from runmend.language.needs import Needs, Right, Write
from runmend.language.verbs import is_beside, verb_of
from runmend.language.verbs.delete import OWNERS_OF_PODS
from runmend.plan.notes import NOTES
from runmend.plan.operations import Operation

_NOTE: Final = ("metadata", "annotations", NOTES)
_DRY_RUN: Final = (
    "RUNMEND_MODE=recommend needs it as well, for its dry run; without it a recommendation says that it was not "
    "checked."
)


def needs_of(operation: Operation) -> Needs:
    """What a command needs besides what each run does: its verb's own, and what it writes of its object."""
    verb = verb_of(operation)
    if verb.reading:
        return Needs(rights=(*verb.needs.rights, *verb.reading.rights(operation)))
    if verb.needs_of and is_beside(operation):
        return verb.needs_of(operation)
    if is_beside(operation):
        return verb.needs
    if verb.changing is None:
        raise TypeError(f"{verb.words} neither reads nor changes anything")
    # What is done to pods is noted on what owns them.
    names = OWNERS_OF_PODS if operation.kind == "Pod" else (operation.kind,)
    kinds = [kind_of_name(name) for name in names]
    fields = verb.changing.fields(verb.arguments.model_validate(operation.arguments))
    return Needs(
        rights=(*verb.needs.rights, *(Right(kind.group, (kind.plural,), ("patch",), _DRY_RUN) for kind in kinds)),
        writes=(
            *verb.needs.writes,
            *(Write("UPDATE", f"{kind.group}/{kind.plural}", (*fields, _NOTE)) for kind in kinds),
        ),
    )


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
_USAGE_OF_NODES: Final = Right(
    "metrics.k8s.io",
    ("nodes",),
    ("get",),
    "A runbook asks what nodes use; without this, or without a metrics API, that is unknown.",
)
_OF_GROUPS: Final = {
    "node": (
        Right(
            "",
            ("nodes",),
            ("get",),
            "A runbook names facts of nodes, which are in no namespace: only a binding in the whole cluster gives "
            "this; without it those facts are unknown.",
        ),
    ),
    "usage of pods": (
        Right(
            "metrics.k8s.io",
            ("pods",),
            ("get", "list"),
            "A runbook asks what containers use; without this, or without a metrics API, that is unknown.",
        ),
    ),
    "usage of node": (_USAGE_OF_NODES,),
}
"""Group of facts → what reading it needs besides; only where a runbook names it."""
_OF_NODES_GROUPS: Final = {
    "events": (
        Right("", ("events",), ("list",), "A runbook for nodes names events; those about nodes are in `default`."),
    ),
    "usage of node": (_USAGE_OF_NODES,),
}
"""The same for runbooks that fix nodes."""
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
_OF_NODES: Final = (Right("", ("nodes",), ("get",)),)
_OF_NODES_BRIDGE: Final = (
    Right("", ("nodes",), ("get", "list"), "Whether an alert's node is there: by name where a webhook tells of few."),
)
_ITSELF: Final = "For alerts that name a workload itself, and none of its pods."
_OF_THE_BRIDGE: Final = (
    Right("", ("pods",), ("get", "list")),
    Right("apps", ("replicasets",), ("get", "list")),
    Right("apps", ("deployments", "statefulsets", "daemonsets"), ("get", "list"), _ITSELF),
    Right("batch", ("jobs",), ("get", "list"), _ITSELF),
)

WORKER: Final = "worker"
BRIDGE: Final = "bridge"
WORKER_NODES: Final = "worker-nodes"
BRIDGE_NODES: Final = "bridge-nodes"
SECRETS: Final = "read-secrets"


def roles(
    operations: Collection[Operation],
    groups: Collection[str] = (),
    of_nodes_groups: Collection[str] = (),
    kinds: Collection[str] = (),
) -> dict[str, tuple[Right, ...]]:
    """Role → its rights, for runbooks that hold these commands.

    Args:
        operations: the commands.
        groups: the groups of facts that the runbooks' expressions name.
        of_nodes_groups: those that the expressions of runbooks for nodes name.
        kinds: those that the runbooks fix, as far as they have no pods and are in a namespace.
    """
    named = _named(_OF_GROUPS, groups)
    of_nodes = [operation for operation in operations if is_in_no_namespace(operation.kind)]
    others = [operation for operation in operations if operation not in of_nodes]
    found = {
        BRIDGE: (*_OF_THE_BRIDGE, *_of_kinds(kinds, "get", "list")),
        WORKER: _rights((*_OF_EACH_RUN, *named, *_of_kinds(kinds, "get")), others),
        SECRETS: (Right("", ("secrets",), ("get",)),),
    }
    if of_nodes:
        found |= {
            BRIDGE_NODES: _OF_NODES_BRIDGE,
            WORKER_NODES: _rights((*_OF_NODES, *_named(_OF_NODES_GROUPS, of_nodes_groups)), of_nodes),
        }
    return found


def _of_kinds(names: Collection[str], *verbs: str) -> list[Right]:
    kinds = [kind_of_name(name) for name in sorted(set(names))]
    return [Right(kind.group, (kind.plural,), verbs, f"A runbook fixes a {kind.name}.") for kind in kinds]


def _named(of_groups: Mapping[str, tuple[Right, ...]], groups: Collection[str]) -> list[Right]:
    return [right for group, rights in of_groups.items() if group in groups for right in rights]


def _rights(each: Collection[Right], operations: Collection[Operation]) -> tuple[Right, ...]:
    """What each run needs, and what commands need besides."""
    more = (right for needed in _needed(operations) for right in needed.rights if not _given(right, each))
    return _each_once((*each, *more))


def _given(right: Right, by: Collection[Right]) -> bool:
    """Whether others give all that a right does."""
    pairs = {(other.group, resource, verb) for other in by for resource in other.resources for verb in other.verbs}
    return all((right.group, resource, verb) in pairs for resource in right.resources for verb in right.verbs)


def _each_once(given: Iterable[Right]) -> tuple[Right, ...]:
    """Rights without those that are there already, for whatever reason."""
    first: dict[tuple[object, ...], Right] = {}
    for right in given:
        first.setdefault((right.group, right.resources, right.verbs), right)
    return tuple(first.values())


def writes(operations: Collection[Operation]) -> dict[str, tuple[Write, ...]]:
    """Account → all that it writes, each request once, for runbooks that hold these commands."""
    found: dict[tuple[str, str], Write] = {}
    for write in (write for needed in _needed(operations) for write in needed.writes):
        key = (write.operation, write.kind)
        before = found.get(key)
        fields = (*before.fields, *write.fields) if before else write.fields
        found[key] = replace(write, fields=tuple(dict.fromkeys(fields)))
    return {BRIDGE: (), WORKER: tuple(found.values())}


def _needed(operations: Collection[Operation]) -> Iterator[Needs]:
    """In one order, so that the same commands make the same text."""
    wanted = [needs_of(operation) for operation in sorted(operations, key=lambda each: each.model_dump_json())]
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
    BRIDGE_NODES: "The bridge finds out whether an alert's node is there. Nothing here binds it: ../components/nodes "
    "does.",
    WORKER_NODES: "For runbooks that fix nodes, which are in no namespace: pods are looked at and moved away in all of "
    "them, and events about a node are in the namespace default. Nothing here binds it: ../components/nodes does.",
    SECRETS: "Whether a pull secret is there, is valid, and has credentials for the image's registry. RBAC knows no "
    '"only pull secrets", so this is the right to read every Secret where it is bound. Nothing here binds it: '
    "../namespace-with-secrets and ../components/read-secrets do.",
}


def roles_yaml(
    operations: Collection[Operation],
    groups: Collection[str] = (),
    of_nodes_groups: Collection[str] = (),
    kinds: Collection[str] = (),
) -> str:
    """The roles as a file for `kubectl apply`, with a comment where a right is not plain."""
    documents = []
    for name, rights in roles(operations, groups, of_nodes_groups, kinds).items():
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
