"""`kubectl rollout resume`: lets a Deployment that was paused replace its pods again."""

import copy

from runmend.core.frozen import Frozen
from runmend.language.verbs.command import NAMESPACE, Command, in_namespace, no_more, target_of
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import Change, Json
from runmend.plan.operations import Operation

_KINDS = ("Deployment",)
_PAUSED = ("spec", "paused")


class Resume(Frozen):
    """Its command says no more than the Deployment."""


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "rollout resume")
    if target is None:
        return None
    kind, name, words = target
    good = no_more(words, command, "resume one Deployment")
    if not (in_namespace(command, kind) and good):
        return None
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE)


def _effect(_: Resume, situation: Situation) -> Json:
    made = copy.deepcopy(situation.item)
    made["spec"].pop("paused", None)
    return made


VERB = Verb(
    words="rollout resume",
    summary="Lets a Deployment that was paused replace its pods again.",
    kinds=_KINDS,
    arguments=Resume,
    command=_command,
    example="kubectl rollout resume deployment/{deployment} -n {namespace}",
    changing=Changing(
        effect=_effect,
        fields=lambda _: (_PAUSED,),
        repeatable=True,
        example=Example(before={"spec": {"paused": True}}, changes=(Change(path=_PAUSED, before=True),)),
    ),
)
