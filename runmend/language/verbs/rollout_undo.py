"""`kubectl rollout undo`: the pod template of an earlier revision."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.language.needs import Needs, Right
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, no_more, target_of
from runmend.language.verbs.containers import APP, an_example
from runmend.language.verbs.values import checked, count
from runmend.language.verbs.verb import Changing, Example, Risk, Situation, Verb
from runmend.plan.change import TEMPLATE, Change, Json
from runmend.plan.notes import NOTES
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster
    from runmend.language.target import TargetNow

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
    """To which revision, a number or a placeholder for one; 0: the one before the newest."""

    to_revision: str = "0"


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
    good = command.check(number, "the number of a revision", count, ("previous_revision",)) and good
    if not good:
        return None
    arguments = Undo(to_revision=command.filled(number)).model_dump(mode="json")
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
    templates = dict(_controller_revisions(cluster, situation.now, situation.item))
    number = _chosen(undo, list(templates), situation)
    return Revision(number, templates[number])


def _controller_revisions(cluster: "Cluster", now: "TargetNow", workload: Json) -> Iterator[tuple[int, Json]]:
    for found in cluster.list_of("ControllerRevision", now.target.namespace, now.selector):
        owners = found["metadata"].get("ownerReferences") or ()
        if any(owner.get("controller") and owner["uid"] == _uid(workload) for owner in owners):
            template = {key: value for key, value in found["data"]["spec"]["template"].items() if key != "$patch"}
            yield found["revision"], template


def _uid(workload: Json) -> str:
    return str(workload["metadata"]["uid"])


def _chosen(undo: Undo, numbers: list[int], situation: Situation) -> int:
    ordered = sorted(numbers)
    if wanted := int(checked(undo.to_revision, situation.values, "count")):
        if wanted not in ordered:
            there = ", ".join(map(str, ordered)) or "none"
            raise PreconditionFailed(
                f"{situation.now.target} has no revision {wanted}; there is {there}", reason="no such revision"
            )
        return wanted
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
        if restored | kept or own:
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
    says=lambda undo: f"to revision {undo.to_revision}" if undo.to_revision != "0" else "to the one before the newest",
    example="kubectl rollout undo deployment/{deployment} -n {namespace}",
    flags=(
        Flag(
            "--to-revision",
            means="the revision that it goes back to; without it the one before the newest",
            example="3",
        ),
    ),
    changing=Changing(
        effect=_effect,
        fields=lambda _: (TEMPLATE, ("metadata", "annotations")),
        reads=_revision,
        risk=Risk.ROLLING,
        example=Example(
            earlier=an_example(image="registry.example/web:1"),
            before=an_example(image="registry.example/web:2"),
            changes=(
                Change(
                    path=(*APP, "image"),
                    before="registry.example/web:2",
                    after="registry.example/web:1",
                ),
            ),
        ),
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
