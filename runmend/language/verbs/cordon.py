"""`kubectl cordon` and `kubectl uncordon`: whether new pods are scheduled to a node."""

import copy
from collections.abc import Callable

from runmend.core.frozen import Frozen
from runmend.language.verbs.command import Command, no_more, node_of
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import Change, Json
from runmend.plan.operations import Operation

KINDS = ("Node",)
FIELDS = (("spec", "unschedulable"),)


class OneNode(Frozen):
    """Its command says no more than the node."""


CORDONED = Example(before={"spec": {}}, changes=(Change(path=("spec", "unschedulable"), after=True),))
"""What cordoning makes of a node."""


def _command(words: str) -> Callable[[Command], Operation | None]:
    def read(command: Command) -> Operation | None:
        found = node_of(command, words)
        if found is None:
            return None
        name, rest = found
        return Operation(verb=words, kind="Node", name=name) if no_more(rest, command, f"{words} one node") else None

    return read


def cordoned(item: Json) -> Json:
    """A node as it is when no new pods are scheduled to it."""
    made = copy.deepcopy(item)
    made["spec"]["unschedulable"] = True
    return made


def _uncordoned(_: OneNode, situation: Situation) -> Json:
    made = copy.deepcopy(situation.item)
    made["spec"].pop("unschedulable", None)
    return made


CORDON = Verb(
    words="cordon",
    summary="Keeps new pods off a node; the pods on it stay.",
    kinds=KINDS,
    arguments=OneNode,
    command=_command("cordon"),
    example="kubectl cordon {node}",
    changing=Changing(
        effect=lambda _, situation: cordoned(situation.item), fields=lambda _: FIELDS, repeatable=True, example=CORDONED
    ),
)
UNCORDON = Verb(
    words="uncordon",
    summary="Lets new pods be scheduled to a node again.",
    kinds=KINDS,
    arguments=OneNode,
    command=_command("uncordon"),
    example="kubectl uncordon {node}",
    changing=Changing(
        effect=_uncordoned,
        fields=lambda _: FIELDS,
        repeatable=True,
        example=Example(
            before={"spec": {"unschedulable": True}}, changes=(Change(path=("spec", "unschedulable"), before=True),)
        ),
    ),
)
