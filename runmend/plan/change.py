"""What a step changes of an object: path, before and after. Pure.

Every change has this shape, whatever verb made it. From it come its words, whether it still stands, and how it is taken
back.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import JsonValue

from runmend.core.frozen import Frozen
from runmend.core.quantities import same_quantity
from runmend.images.references import pins

Json = dict[str, Any]
Path = tuple[str, ...]
"""The way to a value: keys of maps, and names of entries where a list's entries have names."""

ITEM_KEYS: Final[Mapping[str, str]] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "hostAliases": "ip",
}
"""Lists whose entries have names, and by which key; the API server merges them by it too."""
TAINTS: Final[Path] = ("spec", "taints")
"""A node's list to which its controllers add and from which they take away: a change of it is what it adds and takes
away, whatever stands beside that.
"""
REPLICAS: Final[Path] = ("spec", "replicas")
_NAMES_OF_LISTS: Final = {(name,) for name in ITEM_KEYS}
TEMPLATE: Final[Path] = ("spec", "template")
POD_SPEC: Final[Path] = (*TEMPLATE, "spec")
_CONTAINERS: Final = {"containers": "container", "initContainers": "init container"}
_LONGEST_VALUE: Final = 300


class Change(Frozen):
    """One value of the target before and after; null where it is not there."""

    path: Path
    before: JsonValue = None
    after: JsonValue = None
    sidecar: bool = False
    """It is of a container that stands among the init containers, and runs beside the containers."""
    place: int | None = None
    """Where it stood in its list, of an entry that is taken away."""
    made: int = 0
    """How many of the maps around it were not there before."""

    @property
    def container(self) -> str:
        """The container of the template that it is of; empty where it is of none."""
        inside = self.path[: len(POD_SPEC)] == POD_SPEC and len(self.path) > len(POD_SPEC) + 1
        return self.path[len(POD_SPEC) + 1] if inside and self.path[len(POD_SPEC)] in _CONTAINERS else ""

    @property
    def init(self) -> bool:
        """Whether that is one of the init containers."""
        return bool(self.container) and self.path[len(POD_SPEC)] == "initContainers"

    @property
    def of_image(self) -> bool:
        """Whether it is a container's image."""
        return bool(self.container) and self.path[len(POD_SPEC) + 2 :] == ("image",)

    @property
    def must_end(self) -> bool:
        """Whether it is of a container that has to end before the pod's containers start."""
        return self.init and not self.sidecar

    @property
    def named(self) -> str:
        """`container app` for its image; `container app resources.limits.memory`, `replicas` for others."""
        if not self.container:
            return _dotted(_shortened(self.path))
        rest = self.path[len(POD_SPEC) + 2 :]
        own = named(self.container, init=self.init, sidecar=self.sidecar)
        return own if self.of_image or not rest else f"{own} {_dotted(rest)}"

    @property
    def in_words(self) -> str:
        """`container app: a:1 → b:2`."""
        return f"{self.named}: {shown(self.path, self.before)} → {shown(self.path, self.after)}"


def named(container: str, *, init: bool = False, sidecar: bool = False) -> str:
    """`container app`, `init container app`, `sidecar container app`."""
    return f"{'sidecar ' if sidecar else 'init ' if init else ''}container {container}"


def in_words(changes: Iterable[Change]) -> str:
    """`container app: a:1 → b:2, replicas: 2 → 3`."""
    return ", ".join(change.in_words for change in changes)


def shown(path: Path, value: JsonValue) -> str:
    """A value for a reader: what is not there is said, and the value of an environment variable is not shown."""
    if value is None:
        return "not set"
    if hidden(path, value):
        return "(a value that is not shown)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def hidden(path: Path, value: JsonValue) -> bool:
    """Whether a value is not shown: an environment variable's."""
    return "env" in path and (path[-1] == "value" or isinstance(value, dict | list))


def _shortened(path: Path) -> Path:
    for prefix in (POD_SPEC, TEMPLATE, ("spec",), ("metadata",)):
        if path[: len(prefix)] == prefix and len(path) > len(prefix):
            return (*(("template",) if prefix == TEMPLATE else ()), *path[len(prefix) :])
    return path


def _dotted(path: Path) -> str:
    """`spec.replicas`, `metadata.annotations[example.org/a]`."""
    return "".join(f"[{key}]" if "." in key or "/" in key else f".{key}" for key in path).removeprefix(".")


def differences(before: Json, after: Json) -> tuple[Change, ...]:
    """What has to change to make one object the other; in the order of the keys."""
    return tuple(
        change.model_copy(update={"sidecar": _is_sidecar(after, change) or _is_sidecar(before, change)})
        for change in _between(before, after, ())
    )


def _between(before: Any, after: Any, path: Path, made: int = 0) -> Iterator[Change]:  # noqa: ANN401  JSON
    if before == after:
        return
    if before is None and isinstance(after, dict) and after and path[-1:] not in _NAMES_OF_LISTS:
        # Key by key: what others add beside it later is not ours to take away. A map that is called as such a list is
        # told whole: by its keys it would be made as a list.
        for key, value in after.items():
            yield from _between(None, value, (*path, key), made + 1)
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _between(before.get(key), after.get(key), (*path, key))
        return
    olds, news = _items(before, path), _items(after, path)
    if olds is not None and news is not None and _in_one_order(list(olds), list(news)):
        yield from _between_items(olds, news, path)
        return
    yield Change(path=path, before=before, after=after, made=made)


def _between_items(olds: dict[str, Any], news: dict[str, Any], path: Path) -> Iterator[Change]:
    for name in (name for name in olds if name in news):
        yield from _between(olds[name], news[name], (*path, name))
    # The last is taken away first, so that the first comes back first, to where it stood.
    for place, name in reversed([*enumerate(olds)]):
        if name not in news:
            yield Change(path=(*path, name), before=olds[name], place=place)
    for name in (name for name in news if name not in olds):
        yield Change(path=(*path, name), after=news[name])


def _items(value: Any, path: Path) -> dict[str, Any] | None:  # noqa: ANN401  JSON
    """A list's entries by their names; None where it is no list of such."""
    key = ITEM_KEYS.get(path[-1]) if path else None
    if key is None or not isinstance(value, list):
        return None
    items = {str(item[key]): item for item in value if isinstance(item, dict) and key in item}
    return items if len(items) == len(value) else None


def _in_one_order(olds: list[str], news: list[str]) -> bool:
    """Whether what both have stands in the same order, and what is new behind it: then names tell all."""
    common = [name for name in olds if name in news]
    return news[: len(common)] == common


def _is_sidecar(root: Json, change: Change) -> bool:
    item = value_at(root, change.path[: len(POD_SPEC) + 2]) if change.init else None
    return isinstance(item, dict) and item.get("restartPolicy") == "Always"


def value_at(root: Any, path: Path) -> Any:  # noqa: ANN401  JSON
    """The value there; None where there is none."""
    for number, key in enumerate(path):
        if isinstance(root, list):
            root = (_items(root, path[:number]) or {}).get(key)
        elif isinstance(root, dict):
            root = root.get(key)
        else:
            return None
    return root


def with_value(root: Json, path: Path, value: JsonValue, place: int | None = None) -> Json:
    """A copy of an object with a value put there, or taken away where it is null; what is missing is made.

    A new entry of a list comes to its end, or to a `place` in it.
    """
    made = copy.deepcopy(root)
    at: Any = made
    for number, key in enumerate(path[:-1]):
        at = _entered(at, path[:number], key, make=value is not None)
        if at is None:
            return made
    _put(at, path[:-1], path[-1], value, place)
    return made


def _entered(at: Any, path: Path, key: str, *, make: bool) -> Any:  # noqa: ANN401  JSON
    if isinstance(at, list):
        return (_items(at, path) or {}).get(key)
    if key not in at and make:
        at[key] = [] if key in ITEM_KEYS else {}
    return at.get(key)


def _put(at: Any, path: Path, key: str, value: JsonValue, place: int | None) -> None:  # noqa: ANN401  JSON
    if isinstance(at, list):
        found = (_items(at, path) or {}).get(key)
        if found is not None:
            at[:] = [each for each in at if each is not found or value is not None]
            if value is not None:
                at[at.index(found)] = copy.deepcopy(value)
        elif value is not None:
            at.insert(len(at) if place is None else place, copy.deepcopy(value))
    elif value is None:
        at.pop(key, None)
    else:
        at[key] = copy.deepcopy(value)


def stands(change: Change, live: Json) -> bool:
    """Whether an object still has what was written: the same, with what the API server adds to it."""
    if change.path == TAINTS:
        return _taints_stand(change, value_at(live, TAINTS))
    return covers(value_at(live, change.path), change.after, change.path)


def lasting(changes: Iterable[Change], later: Iterable[Change] = ()) -> tuple[Change, ...]:
    """What has to stand of changes that were made one after the other: of one value the last; of a value of which a
    later one changed a part, the whole with that part; nothing of what a later one has made anew as a whole.

    Args:
        changes: in their order.
        later: made after them, of which nothing is asked.
    """
    kept: tuple[Change, ...] = ()
    for change in changes:
        kept = (*_left(kept, change), change)
    for change in later:
        kept = tuple(_left(kept, change))
    return kept


def _left(changes: Iterable[Change], later: Change) -> Iterator[Change]:
    return (each for change in changes if (each := _after(change, later)) is not None)


def _after(change: Change, later: Change) -> Change | None:
    """What a later change leaves of one; None where there is nothing of it that would have to stand by itself."""
    size = len(change.path)
    if change.path[: len(later.path)] == later.path:
        return None
    if later.path[:size] != change.path:
        return change
    inside = change.path[-1]
    made = with_value({inside: change.after}, (inside, *later.path[size:]), later.after, later.place)[inside]
    return change.model_copy(update={"after": made}) if made else None


def _taints_stand(change: Change, live: JsonValue) -> bool:
    (added, lost), now = taints_changed(change), _taints(live)
    return added.items() <= now.items() and not now.keys() & set(lost)


def _taints_back(change: Change, live: Json) -> JsonValue:
    """A node's taints with a change of them taken back: without what it added, with what it took away."""
    before, after = _taints(change.before), _taints(change.after)
    kept = [each for each in _listed(value_at(live, TAINTS)) if before.get(_taint(each)) == after.get(_taint(each))]
    lost = [each for each in _listed(change.before) if before[_taint(each)] != after.get(_taint(each))]
    return [*kept, *lost] or None


def _listed(value: JsonValue) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _taint(each: Json) -> tuple[str, str]:
    return str(each.get("key")), str(each.get("effect"))


def _taints(value: JsonValue) -> dict[tuple[str, str], str]:
    """A node's taints: key and effect → value."""
    return {_taint(each): str(each.get("value") or "") for each in _listed(value)}


def taints_changed(
    change: Change, *, back: bool = False
) -> tuple[dict[tuple[str, str], str], tuple[tuple[str, str], ...]]:
    """What a change adds to a node's taints or gives another value, and what it takes away; or what taking it back
    does. Nothing of a change of anything else.
    """
    if change.path != TAINTS:
        return {}, ()
    before, after = _taints(change.before), _taints(change.after)
    if back:
        before, after = after, before
    added = {taint: value for taint, value in after.items() if before.get(taint) != value}
    return added, tuple(taint for taint in before if taint not in after)


def covers(live: Any, written: Any, path: Path) -> bool:  # noqa: ANN401  JSON
    """Whether a live value is the one that was written: defaults may have been added, a digest to an image, and a
    quantity is told in another unit.
    """
    if isinstance(live, dict) and isinstance(written, dict):
        return all(covers(live.get(key), value, (*path, key)) for key, value in written.items())
    if isinstance(live, list) and isinstance(written, list):
        return len(live) == len(written) and all(
            covers(a, b, (*path, str(number))) for number, (a, b) in enumerate(zip(live, written, strict=True))
        )
    if live == written:
        return True
    if not (isinstance(live, str) and isinstance(written, str)):
        return False
    if path[-1:] == ("image",):
        return pins(live, written)
    return bool({"limits", "requests"} & set(path)) and same_quantity(live, written)


def as_admitted(change: Change, live: Json) -> Change:
    """A change as it was let in: with the digest that was added to the image that was written, which is the same
    change; as it was written where anything else became of it.
    """
    found = value_at(live, change.path)
    added = change.of_image and found != change.after and covers(found, change.after, change.path)
    return change.model_copy(update={"after": found}) if added else change


def taken_back(changes: Iterable[Change], live: Json) -> tuple[Json, tuple[Change, ...]]:
    """An object with changes taken back, the newest first, and those that no longer stand, which are left."""
    left = []
    for change in reversed(tuple(changes)):
        if stands(change, live):
            before = _taints_back(change, live) if change.path == TAINTS else change.before
            live = with_value(live, change.path, before, change.place)
            for number in range(1, change.made + 1):
                if value_at(live, change.path[:-number]) == {}:
                    live = with_value(live, change.path[:-number], None)
        else:
            left.append(change)
    return live, tuple(left)


def as_patch(changes: Iterable[Change], *, back: bool = False) -> Json:
    """The strategic merge patch that makes changes by hand, or takes them `back`."""
    patch: Json = {}
    for change in changes:
        value = change.before if back else change.after
        at: Any = patch
        for number, key in enumerate(change.path[:-1]):
            at = _item(at, change.path[number - 1], key) if isinstance(at, list) else at.setdefault(key, _empty(key))
        last = change.path[-1]
        if isinstance(at, list):
            name = ITEM_KEYS[change.path[-2]]
            at.append(value if isinstance(value, dict) else {"$patch": "delete", name: last})
        else:
            at[last] = value
    return patch


def _empty(key: str) -> Any:  # noqa: ANN401  JSON
    return [] if key in ITEM_KEYS else {}


def _item(at: list[Any], list_name: str, name: str) -> Any:  # noqa: ANN401  JSON
    key = ITEM_KEYS[list_name]
    found = next((each for each in at if each[key] == name), None)
    if found is None:
        found = {key: name}
        at.append(found)
    return found
