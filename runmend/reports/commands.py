"""The kubectl commands that a report names: exact, quoted for a shell, and whole, so that they can be copied. Pure."""

import json
import shlex
from collections.abc import Iterable

from runmend.alerts.alert import Target
from runmend.plan.change import TAINTS, Change, as_patch, hidden, taints_changed
from runmend.plan.notes import NOTES

UNSCHEDULABLE = ("spec", "unschedulable")
_NOT_SHOWN = f"(not shown here; see the annotation {NOTES})"


def kubectl(target: Target, *words: str) -> str:
    """`kubectl WORDS -n NAMESPACE`, each word quoted where a shell would read it otherwise."""
    return shlex.join(("kubectl", *words, *(("-n", target.namespace) if target.namespace else ())))


def resource(target: Target) -> str:
    """`deployment/web`."""
    return f"{target.kind.lower()}/{target.name}"


def make(target: Target, changes: Iterable[Change]) -> str:
    """What makes these changes by hand."""
    return _by_hand(target, tuple(changes), back=False)


def restore(target: Target, changes: Iterable[Change]) -> str:
    """What puts back what was there before them."""
    return _by_hand(target, tuple(changes), back=True)


def _by_hand(target: Target, changes: tuple[Change, ...], *, back: bool) -> str:
    if changes and all(change.of_image for change in changes):
        images = ((change.container, change.before if back else change.after) for change in changes)
        return kubectl(target, "set", "image", resource(target), *(f"{name}={image}" for name, image in images))
    if [change.path for change in changes] == [UNSCHEDULABLE]:
        wanted = changes[0].before if back else changes[0].after
        return kubectl(target, "cordon" if wanted else "uncordon", target.name)
    if [change.path for change in changes] == [TAINTS]:
        return kubectl(target, "taint", "node", target.name, *_taints(changes[0], back=back))
    when = "before" if back else "after"
    told = [
        change.model_copy(update={when: _NOT_SHOWN}) if hidden(change.path, getattr(change, when)) else change
        for change in changes
    ]
    patch = json.dumps(as_patch(told, back=back), ensure_ascii=False, separators=(",", ":"))
    return kubectl(target, "patch", resource(target), "-p", patch)


def _taints(change: Change, *, back: bool) -> tuple[str, ...]:
    """How `kubectl taint` says a change of a node's taints: others' stay as they are."""
    added, lost = taints_changed(change, back=back)
    said = [f"{key}{f'={value}' if value else ''}:{effect}" for (key, effect), value in added.items()]
    return (*said, *(f"{key}:{effect}-" for key, effect in lost), *(["--overwrite"] if added else []))
