"""The containers of a live template, for verbs that change them. Pure."""

import copy
from typing import Any

from runmend.core.errors import PreconditionFailed
from runmend.language.verbs.verb import Situation
from runmend.plan.change import Json
from runmend.plan.reasons import NOT_IN_TEMPLATE

EACH = "{container}"
"""Stands for each container that a step treats."""
LISTS = ("containers", "initContainers")


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
