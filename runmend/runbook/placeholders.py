"""Placeholders as others write them: `<pod>`, `$POD`, `{{ $labels.pod }}`, `[POD]`; and what Runmend calls the same."""

import re
from typing import Final

from runmend.plan.plan import BUILT_IN_PLACEHOLDERS, DERIVED_PLACEHOLDERS

_FORMS: Final = re.compile(
    r"<[A-Za-z][\w .-]{0,60}>|\$\{[A-Za-z_]\w{0,60}\}|\$[A-Za-z_]\w{0,60}"
    r"|\{\{[^{}]{0,80}\}\}|\[[A-Z][A-Z0-9_ -]{0,60}\]"
)
_WORDS: Final = re.compile(r"[a-z0-9]+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SAYS_NOTHING: Final = frozenset(
    {"alert", "alerts", "common", "commonlabels", "labels", "label", "my", "name", "target", "the", "values", "your"}
)
_SAME: Final = {
    "ns": "namespace",
    "po": "pod",
    "pods": "pod",
    "deploy": "deployment",
    "sts": "statefulset",
    "ds": "daemonset",
    "no": "node",
    "nodes": "node",
    "workload": "owner",
    "controller": "owner",
    "serviceaccount": "service_account",
    "replica_count": "replicas",
}
_KNOWN: Final = BUILT_IN_PLACEHOLDERS | DERIVED_PLACEHOLDERS


def foreign_at(text: str, at: int) -> str:
    """The placeholder of another form that a letter of a text belongs to; empty where it belongs to none."""
    begins = max(0, at - 90)
    return next((found[0] for found in _FORMS.finditer(text, begins, at + 90) if found.start() <= at < found.end()), "")


def meant_by(written: str) -> str:
    """The name that Runmend has for what a placeholder is called elsewhere; empty where it has none."""
    words = [word for word in _WORDS.findall(_HUMP.sub("_", written).lower()) if word not in _SAYS_NOTHING]
    name = "_".join(words)
    name = _SAME.get(name, name)
    return name if name in _KNOWN else ""


def remedy_for(written: str) -> str:
    """What to write instead."""
    name = meant_by(written)
    own = "name an item of the action, - **name**: `value`, and write {name}"
    return f"write {{{name}}}" if name else f"write one of the run's placeholders, such as {{pod}}, or {own}"
