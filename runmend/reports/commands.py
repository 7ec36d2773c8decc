"""The kubectl commands that a report names: exact, quoted for a shell, and whole, so that they can be copied. Pure."""

import shlex
from collections.abc import Iterable

from runmend.alerts.alert import Target
from runmend.plan.messages import Change


def kubectl(target: Target, *words: str) -> str:
    """`kubectl WORDS -n NAMESPACE`, each word quoted where a shell would read it otherwise."""
    return shlex.join(("kubectl", *words, "-n", target.namespace))


def resource(target: Target) -> str:
    """`deployment/web`."""
    return f"{target.kind.lower()}/{target.name}"


def make(target: Target, changes: Iterable[Change]) -> str:
    """What makes these changes by hand."""
    return kubectl(target, "set", "image", resource(target), *(f"{each.container}={each.after}" for each in changes))


def restore(target: Target, changes: Iterable[Change]) -> str:
    """What puts back what was there before them."""
    return kubectl(target, "set", "image", resource(target), *(f"{each.container}={each.before}" for each in changes))
