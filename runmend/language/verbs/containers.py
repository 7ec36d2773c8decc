"""The containers of a live template, for verbs that change them: which are meant, and where they stand. Pure."""

import copy
from typing import Any

from runmend.core.errors import PreconditionFailed
from runmend.core.names import dns_label
from runmend.core.wording import quoted
from runmend.language.verbs.command import Command, Flag, flag
from runmend.language.verbs.verb import Situation
from runmend.plan.change import POD_SPEC, Json
from runmend.plan.reasons import NOT_IN_TEMPLATE

EACH = "{container}"
"""Stands for each container that a step treats."""
ALL = "*"
"""Stands for every container, init containers too: what kubectl means where none is named."""
LISTS = ("containers", "initContainers")
CONTAINERS = Flag("--containers", "c", means="the containers that are changed; without it all of them")
APP = (*POD_SPEC, "containers", "app")
"""The only container of the verbs' examples."""


def an_example(**container: Any) -> Json:  # noqa: ANN401  JSON
    """A workload for a verb's example: what its only container has besides its name."""
    return {"spec": {"template": {"spec": {"containers": [{"name": APP[-1], **container}]}}}}


def copied(situation: Situation) -> tuple[Json, dict[str, Json]]:
    """A copy of the object, and the containers of its template by their names, to be changed in place."""
    made = copy.deepcopy(situation.item)
    return made, by_name(made)


def by_name(item: Json) -> dict[str, Json]:
    """The containers of an object's template by their names, init containers too."""
    pod: Any = ((item.get("spec") or {}).get("template") or {}).get("spec") or {}
    return {entry["name"]: entry for listed in LISTS for entry in pod.get(listed) or ()}


def found(containers: dict[str, Json], name: str, situation: Situation) -> Json:
    """A container of the template.

    Raises:
        PreconditionFailed: the template has none of that name, and a patch would add it.
    """
    if name not in containers:
        treated = next((one for one in situation.treated if one.container == name), None)
        where = f"the template of {situation.now.target}"
        says = (
            f"{treated.named} is in the pod and not in {where} (it was injected)"
            if treated
            else (f"container {name} is not in {where}")
        )
        raise PreconditionFailed(f"{says}: a patch would add it", reason=NOT_IN_TEMPLATE)
    return containers[name]


def named_by(command: Command) -> str | None:
    """The container that `--containers` names: `{container}`, a name, or `*`, as kubectl has it where there is none;
    None where it is wrong, which is said.
    """
    name = flag(command, CONTAINERS.name, ALL)
    if name == ALL:
        return name
    if ALL in name:
        command.error(f"the container {quoted(name)} is a pattern", f"write {EACH}, a container's name, or * for all")
        return None
    return command.filled(name) if command.check(name, "a container's name", dns_label, ("container",)) else None


def chosen(name: str, containers: dict[str, Json], situation: Situation) -> list[Json]:
    """The containers that `name` stands for: those that are treated for `{container}`, all for `*`.

    Raises:
        PreconditionFailed: the template has none of that name.
    """
    if name == ALL:
        return list(containers.values())
    names = [one.container for one in situation.treated] if name == EACH else [name]
    return [found(containers, one, situation) for one in names]
