"""Filling what a command's arguments hold: each placeholder into the value where it stands, each value checked for what
it is before anything is sent.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed, StepFailed
from runmend.core.kinds import is_known, kind_of_name
from runmend.core.names import dns_label, dns_subdomain
from runmend.core.quantities import quantity
from runmend.core.wording import quoted
from runmend.images.references import parse_image
from runmend.plan.operations import Operation
from runmend.plan.plan import BUILT_IN_PLACEHOLDERS, DERIVED_PLACEHOLDERS, fill
from runmend.plan.reasons import OTHER_OBJECT

ANY_OF_RUN: Final = tuple(sorted(BUILT_IN_PLACEHOLDERS | DERIVED_PLACEHOLDERS))
"""The run's placeholders, where any text may stand."""
_INT32: Final = 2**31 - 1
_DIGITS: Final = 10


def placeholders(target: Target, parameters: Mapping[str, str] = MappingProxyType({}), **names: str) -> dict[str, str]:
    """What a command's placeholders stand for: the target's, the action's own parameters, and what is named besides
    (pod, container).
    """
    place = {"namespace": target.namespace} if target.namespace else {}
    called = kind_of_name(target.kind).singular if is_known(target.kind) else target.kind.lower()
    return {**parameters, **place, called: target.name, **names}


def checked(template: str, values: Mapping[str, str], kind: str) -> str:
    """A template filled with values, and checked to be a `namespace`, an object's `name`, a `container`, an `image`, a
    `count`, a `quantity`, or `text` in one line.

    Raises:
        StepFailed: a value is missing, or is not what it should be.
    """
    try:
        value = fill(template, values)
        match kind:
            case "namespace" | "container":
                return dns_label(value)
            case "name":
                return dns_subdomain(value)
            case "image":
                parse_image(value)
                return value
            case "count":
                return str(count(value))
            case "quantity":
                return not_negative(value)
            case _:
                return one_line(value)
    except KeyError as error:
        raise StepFailed(
            f"{template!r} cannot be filled: there is no value for {error}", reason="placeholder without a value"
        ) from error
    except ValueError as error:
        raise StepFailed(f"{template!r} cannot be filled: {error}", reason="placeholder with a wrong value") from error


def count(value: str) -> int:
    """A number of pods, or of a revision.

    Raises:
        ValueError: it is none.
    """
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS and int(value) <= _INT32):
        raise ValueError(f"{quoted(value)} is no whole number from 0 to {_INT32}")
    return int(value)


def not_negative(value: str) -> str:
    """A quantity of a resource, as it is written.

    Raises:
        ValueError: it is none.
    """
    if quantity(value) < 0:
        raise ValueError(f"{quoted(value)} is below 0")
    return value


def one_line(value: str) -> str:
    """A text of printable characters.

    Raises:
        ValueError: it has others.
    """
    if not value.isprintable():
        raise ValueError(f"{quoted(value)} holds characters that cannot be printed")
    return value


def raise_if_other(operation: Operation, target: Target, values: Mapping[str, str]) -> None:
    """Raise `PreconditionFailed` where a command names another object than the run's target."""
    name = checked(operation.name, values, "name")
    namespace = checked(operation.namespace, values, "namespace") if operation.namespace else target.namespace
    named = target.model_copy(update={"kind": operation.kind, "namespace": namespace, "name": name})
    if named != target:
        raise PreconditionFailed(
            f"the command names {named}, and the target of this run is {target}",
            reason=OTHER_OBJECT,
        )
