"""`kubectl rollout undo`: the pod template of an earlier revision."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.core.wording import quoted
from runmend.language.needs import Needs, Right
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, no_more, target_of
from runmend.language.verbs.verb import Changing, Risk, Situation, Verb
from runmend.plan.change import TEMPLATE, Json
from runmend.plan.notes import NOTES
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_HASH = "pod-template-hash"
_OF_THE_DEPLOYMENT = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
        NOTES,
    }
)
"""Annotations that belong to the Deployment and not to its revision: they stay as they are."""


class Undo(Frozen):
    """To which revision; 0: the one before the newest."""

    to_revision: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """An earlier revision: its number, its pod template, and its annotations where those come back too."""

    number: int
    template: Json
    annotations: dict[str, str] | None = None


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "rollout undo")
    if target is None:
        return None
    kind, name, words = target
    good = no_more(words, command, f"undo the rollout of one {kind.name}")
    good = in_namespace(command, kind) and good
    number = flag(command, "--to-revision", "0")
    if not (number.isascii() and number.isdigit() and len(number) <= 9):  # noqa: PLR2004  an int32
        command.error(f"--to-revision {quoted(number)} is no revision's number", "write its number, or leave it out")
        return None
    if not good:
        return None
    arguments = Undo(to_revision=int(number)).model_dump(mode="json")
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE, arguments=arguments)


def _revision(undo: Undo, cluster: "Cluster", situation: Situation) -> Revision:
    """The revision that is gone back to.

    Raises:
        PreconditionFailed: there is none.
    """
    target, workload = situation.now.target, situation.item
    if target.kind == "Deployment":
        sets = {found.revision: found.name for found in situation.now.workloads.revisions(target, _uid(workload))}
        number = _chosen(undo, list(sets), situation)
        replica_set = cluster.read("ReplicaSet", target.namespace, sets[number])
        annotations = replica_set["metadata"].get("annotations") or {}
        return Revision(number, replica_set["spec"]["template"], annotations)
    templates = dict(_controller_revisions(cluster, situation))
    number = _chosen(undo, list(templates), situation)
    return Revision(number, templates[number])


def _controller_revisions(cluster: "Cluster", situation: Situation) -> Iterator[tuple[int, Json]]:
    target = situation.now.target
    for found in cluster.list_of("ControllerRevision", target.namespace, situation.now.selector):
        owners = found["metadata"].get("ownerReferences") or ()
        if any(owner.get("controller") and owner["uid"] == _uid(situation.item) for owner in owners):
            template = {key: value for key, value in found["data"]["spec"]["template"].items() if key != "$patch"}
            yield found["revision"], template


def _uid(workload: Json) -> str:
    return str(workload["metadata"]["uid"])


def _chosen(undo: Undo, numbers: list[int], situation: Situation) -> int:
    ordered = sorted(numbers)
    if undo.to_revision:
        if undo.to_revision not in ordered:
            there = ", ".join(map(str, ordered)) or "none"
            raise PreconditionFailed(
                f"{situation.now.target} has no revision {undo.to_revision}; there is {there}",
                reason="no such revision",
            )
        return undo.to_revision
    if len(ordered) < 2:  # noqa: PLR2004  the newest, and one before it
        raise PreconditionFailed(
            f"{situation.now.target} has no earlier revision to go back to", reason="no earlier revision"
        )
    return ordered[-2]


def _effect(_: Undo, situation: Situation) -> Json:
    revision: Revision = situation.more
    made = copy.deepcopy(situation.item)
    template = copy.deepcopy(revision.template)
    (template.get("metadata") or {}).get("labels", {}).pop(_HASH, None)
    made["spec"]["template"] = template
    if _comparable(template) == _comparable(situation.item["spec"].get("template") or {}):
        raise PreconditionFailed(
            f"{situation.now.target} has the template of revision {revision.number} already", reason="already undone"
        )
    if revision.annotations is not None:
        own = made["metadata"].get("annotations") or {}
        kept = {key: value for key, value in own.items() if key in _OF_THE_DEPLOYMENT}
        restored = {key: value for key, value in revision.annotations.items() if key not in _OF_THE_DEPLOYMENT}
        made["metadata"]["annotations"] = restored | kept
    return made


def _comparable(template: Json) -> Json:
    """A template without what says nothing: a creation time that is null."""
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value is not None}
    return {**template, "metadata": metadata}


VERB = Verb(
    words="rollout undo",
    summary="Goes back to the pod template of an earlier revision, the one before the newest where none is named.",
    kinds=_KINDS,
    arguments=Undo,
    command=_command,
    says=lambda undo: f"to revision {undo.to_revision or 'before the newest'}",
    example="kubectl rollout undo deployment/{deployment} -n {namespace}",
    flags=(Flag("--to-revision"),),
    changing=Changing(
        effect=_effect,
        fields=lambda _: (TEMPLATE, ("metadata", "annotations")),
        reads=_revision,
        risk=Risk.ROLLING,
    ),
    needs=Needs(
        rights=(
            Right(
                "apps",
                ("controllerrevisions",),
                ("list",),
                "The earlier revisions of StatefulSets and DaemonSets.",
            ),
        )
    ),
)
