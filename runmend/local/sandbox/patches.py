"""Strategic merge patches and JSON merge patches."""

from typing import Any

import jsonpatch

from runmend.local.sandbox.resources import Object
from runmend.local.sandbox.status import bad_request, cannot_apply, server_error, unreadable

# Lists that are merged item by item, by the path of their field ("*" matches any item), with the key of an item.
# `tolerations` is not here: the API replaces it as a whole.
_MERGE_KEYS: dict[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "conditions": "type",
    "ownerReferences": "uid",
    "secrets": "name",
    "hostAliases": "ip",
}
# Lists of scalars that a patch adds to.
_SETS = frozenset({"finalizers"})


def merged(target: object, patch: object) -> object:
    """JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def by_steps(target: Object, steps: Any) -> object:  # noqa: ANN401  JSON of any shape
    """JSON patch (RFC 6902)."""
    if not isinstance(steps, list):
        raise bad_request("json: cannot unmarshal what is no list into Go value of type jsonpatch.Patch")
    try:
        return jsonpatch.apply_patch(target, steps)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        raise cannot_apply(str(error)) from None


def strategically_merged(target: Object, patch: Object) -> Object:
    """Strategic merge patch of a built-in kind; an item without its list's merge key is refused."""
    directive = _directive(patch)
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    kept = patch.get("$retainKeys")
    result = {key: value for key, value in target.items() if kept is None or key in kept}
    for key, value in patch.items():
        if key in ("$patch", "$retainKeys") or key.startswith("$setElementOrder/"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name) or [] if item not in value]
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _value(key, result.get(key), value)
    return result


def _directive(patch: Object) -> str:
    directive: str = patch.get("$patch", "")
    if directive not in ("", "replace", "delete"):
        raise server_error(f"unknown patch type: {directive} in map: {shown(patch)}")
    return directive


def _value(key: str, old: Any, new: Any) -> object:  # noqa: ANN401 - JSON of any shape
    if isinstance(new, dict):
        return strategically_merged(old if isinstance(old, dict) else {}, new)
    if isinstance(new, list) and key in _MERGE_KEYS and all(isinstance(item, dict) for item in new):
        return _items(_MERGE_KEYS[key], old or [], new)
    if isinstance(new, list) and key in _SETS:
        return [*new, *(item for item in old or [] if item not in new)]
    return new


def _items(key: str, old: list[Object], patch: list[Object]) -> list[Object]:
    if any(_directive(item) == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    removed, named = set(), []
    for item in patch:
        if key not in item:
            raise server_error(f"map: {shown(item)} does not contain declared merge key: {key}")
        if not isinstance(item[key], str | int):
            raise unreadable(f'"{key}": cannot convert {type(item[key]).__name__} to string')
        if item.get("$patch") == "delete":
            removed.add(item[key])
        else:
            named.append(item)
    before = {item[key]: item for item in old if item.get(key) not in removed}
    touched = {item[key]: strategically_merged(before.get(item[key], {}), item) for item in named}
    return _ordered([item[key] for item in old], before, touched)


def _ordered(order: list[Any], before: dict[Any, Object], touched: dict[Any, Object]) -> list[Object]:
    """The server's order for what it knew, and new items in front, as the real merge puts them."""
    kept = [name for name in before if name not in touched]
    changed = list(touched)
    result = []
    while kept or changed:
        first_is_kept = not changed or (kept and changed[0] in order and order.index(kept[0]) < order.index(changed[0]))
        result.append(before[kept.pop(0)] if first_is_kept else touched[changed.pop(0)])
    return result


def shown(value: object) -> str:
    """As Go prints a map: `map[spec:map[replicas:x]]`."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{shown(item)}' for key, item in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(shown, value))}]"
    return str(value)


def checked(patch: object, *, strategic: bool) -> Object:
    """The patch, if it is an object."""
    if isinstance(patch, dict):
        return patch
    kind = "array" if isinstance(patch, list) else "string" if isinstance(patch, str) else "number"
    prefix = "" if strategic else "error decoding patch: "
    raise bad_request(f"{prefix}json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
