"""`kubectl rollout restart`: new pods of the same template, one after another."""

import copy

from runmend.core.frozen import Frozen
from runmend.language.verbs.command import NAMESPACE, Command, in_namespace, no_more, target_of
from runmend.language.verbs.verb import Changing, Example, Risk, Situation, Verb
from runmend.plan.change import TEMPLATE, Change, Json
from runmend.plan.operations import Operation

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
RESTARTED_AT = (*TEMPLATE, "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
"""The annotation by which kubectl changes a template so that nothing of it changes."""
MOMENT = "2026-11-28T12:00:00Z"
"""A moment for the example."""


class Restart(Frozen):
    """A restart has nothing to say."""


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "rollout restart")
    if target is None:
        return None
    kind, name, words = target
    good = no_more(words, command, f"restart one {kind.name}")
    if not (in_namespace(command, kind) and good):
        return None
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE)


def _effect(_: Restart, situation: Situation) -> Json:
    made = copy.deepcopy(situation.item)
    metadata = made["spec"]["template"].setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), RESTARTED_AT[-1]: situation.moment}
    return made


VERB = Verb(
    words="rollout restart",
    summary="Replaces the pods of a workload by new ones of the same template, as a rollout does it.",
    kinds=_KINDS,
    arguments=Restart,
    command=_command,
    example="kubectl rollout restart deployment/{deployment} -n {namespace}",
    changing=Changing(
        effect=_effect,
        fields=lambda _: (RESTARTED_AT,),
        risk=Risk.ROLLING,
        undoable=False,
        example=Example(
            before={"spec": {"template": {"metadata": {"annotations": {"build": "7"}}}}},
            changes=(Change(path=RESTARTED_AT, after=MOMENT),),
        ),
    ),
)
