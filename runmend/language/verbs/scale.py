"""`kubectl scale`: another number of pods."""

import copy

from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, no_more, target_of
from runmend.language.verbs.values import checked, count
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import REPLICAS, Change, Json
from runmend.plan.operations import Operation

_KINDS = ("Deployment", "StatefulSet")


class Scale(Frozen):
    """To how many pods, and from how many; each a whole number, or a placeholder for one."""

    replicas: str
    current_replicas: str = ""
    """How many it must have for the step to be done; empty where that does not matter."""


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "scale")
    if target is None:
        return None
    kind, name, words = target
    good = no_more(words, command, f"scale one {kind.name}")
    good = in_namespace(command, kind) and good
    wanted, current = flag(command, "--replicas"), flag(command, "--current-replicas")
    if not wanted:
        command.error("the command does not say to how many pods", "write --replicas=3")
        return None
    if current == "-1":  # kubectl's own word for: it does not matter
        current = ""
    for text in filter(None, (wanted, current)):
        good = command.check(text, "a number of pods", count, ("replicas",)) and good
    if not good:
        return None
    arguments = Scale(
        replicas=command.filled(wanted), current_replicas=command.filled(current) if current else ""
    ).model_dump(mode="json")
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE, arguments=arguments)


def _effect(scale: Scale, situation: Situation) -> Json:
    made = copy.deepcopy(situation.item)
    spec = made["spec"]
    has, wanted = spec.get("replicas", 1), _count(scale.replicas, situation)
    # One that has as many already needs no change, wherever it came from.
    if scale.current_replicas and has != wanted and has != _count(scale.current_replicas, situation):
        raise PreconditionFailed(
            f"{situation.now.target} has {has} replicas, and the command scales it only from {scale.current_replicas}",
            reason="another number of replicas",
        )
    spec["replicas"] = wanted
    return made


def _count(text: str, situation: Situation) -> int:
    return int(checked(text, situation.values, "count"))


def _says(scale: Scale) -> str:
    return f"to {scale.replicas} replicas" + (f" from {scale.current_replicas}" if scale.current_replicas else "")


def leaves_no_pod(operation: Operation) -> bool:
    """Whether it scales to 0."""
    return operation.verb == VERB.words and operation.arguments.get("replicas") == "0"


VERB = Verb(
    words="scale",
    summary="Gives a workload another number of pods.",
    kinds=_KINDS,
    arguments=Scale,
    command=_command,
    says=_says,
    example="kubectl scale deployment/{deployment} --replicas=3 --current-replicas=2 -n {namespace}",
    flags=(
        Flag("--replicas", means="how many pods it shall have"),
        Flag("--current-replicas", means="how many it must have, or nothing is changed"),
    ),
    changing=Changing(
        effect=_effect,
        fields=lambda _: (REPLICAS,),
        repeatable=True,
        example=Example(before={"spec": {"replicas": 2}}, changes=(Change(path=REPLICAS, before=2, after=3),)),
    ),
)
