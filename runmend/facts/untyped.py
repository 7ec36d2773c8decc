"""What of an object expressions read without a type: its JSON, but for what must not be kept."""

from typing import Any, Final

Json = dict[str, Any]
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_HIDDEN: Final = ("data", "stringData")


def untyped(item: Json) -> Json:
    """An object's JSON without who manages which field, without what kubectl keeps of its own, which repeats the rest,
    without the values of a Secret, whose keys are left, and without the values of environment variables.
    """
    metadata = {key: value for key, value in item.get("metadata", {}).items() if key != "managedFields"}
    if _LAST_APPLIED in (metadata.get("annotations") or {}):
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    shown = {**item, "metadata": metadata}
    if item.get("kind") == "Secret":
        return {k: dict.fromkeys(v or (), "") if k in _HIDDEN else v for k, v in shown.items()}
    return {key: _without_values(value) for key, value in shown.items()}


def _without_values(value: Any, key: str = "") -> Any:  # noqa: ANN401  JSON
    if isinstance(value, dict):
        return {name: _without_values(each, name) for name, each in value.items()}
    if isinstance(value, list):
        if key == "env":
            return [
                {n: v for n, v in each.items() if n != "value"} if isinstance(each, dict) else each for each in value
            ]
        return [_without_values(each) for each in value]
    return value
