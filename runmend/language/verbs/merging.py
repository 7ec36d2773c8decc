"""A merge patch of an object: RFC 7396, or strategic, which merges the lists whose entries have names. Pure."""

import copy
from collections.abc import Mapping
from typing import Any

from runmend.core.errors import PreconditionFailed
from runmend.language.verbs.containers import LISTS
from runmend.plan.change import POD_SPEC
from runmend.plan.reasons import NOT_IN_TEMPLATE


class Filled(str):
    """What a placeholder stood for alone: a number, where a number stands in the object."""

    __slots__ = ()


Keys = Mapping[str, str]
"""List → the key of its entries that names them."""
LIST_OF = {(*POD_SPEC, listed) for listed in LISTS}
"""The lists of containers."""


def merged(live: Any, patch: Any, keys: Keys, path: tuple[str, ...] = ()) -> Any:  # noqa: ANN401  JSON
    """What a patch makes of an object.

    Args:
        live: the object, or a part of it.
        patch: the same of the patch.
        keys: the lists that are merged entry by entry; none by RFC 7396.
        path: where that part stands.

    Raises:
        PreconditionFailed: it would add a container.
    """
    if isinstance(patch, dict):
        made = dict(live) if isinstance(live, dict) else {}
        for key, value in patch.items():
            if value is None:
                made.pop(key, None)
            else:
                made[key] = merged(made.get(key), value, keys, (*path, key))
        return made
    if isinstance(patch, Filled) and isinstance(live, int) and patch.isdecimal():
        return int(patch)
    key = keys.get(path[-1]) if path else None
    if key is None or not isinstance(patch, list) or not all(isinstance(item, dict) and key in item for item in patch):
        return copy.deepcopy(patch)
    olds: dict[Any, Any] = {item.get(key): item for item in live or ()}
    news: dict[Any, Any] = {}
    for item in patch:
        name = item[key]
        if name not in olds and path in LIST_OF:
            raise PreconditionFailed(
                f"container {name} is not in the template: a patch would add it", reason=NOT_IN_TEMPLATE
            )
        before = news.get(name, olds.get(name))
        news[name] = merged(before, item, keys, (*path, str(name))) if before else copy.deepcopy(item)
    return _interleaved(olds, news)


def _interleaved(olds: dict[Any, Any], news: dict[Any, Any]) -> list[Any]:
    """The entries of a list after a strategic merge, in the API server's order: those of the patch as it has them, and
    each other one before the first of the patch's that stood behind it.
    """
    places = {name: place for place, name in enumerate(olds)}
    left, patched = [name for name in olds if name not in news], list(news)
    order: list[Any] = []
    while left and patched:
        is_behind = patched[0] in places and places[left[0]] < places[patched[0]]
        order.append((left if is_behind else patched).pop(0))
    return [news.get(name, olds.get(name)) for name in (*order, *left, *patched)]
