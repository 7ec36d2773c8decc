"""`kubectl set resources`: what containers ask for, and may use at most."""

import re
from typing import Final

from runmend.core.frozen import Frozen
from runmend.core.quantities import same_quantity
from runmend.core.wording import quoted
from runmend.language.needs import Field
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, no_more, target_of
from runmend.language.verbs.containers import ALL, APP, CONTAINERS, LISTS, an_example, chosen, copied, named_by
from runmend.language.verbs.values import checked, not_negative
from runmend.language.verbs.verb import Changing, Example, Risk, Situation, Verb
from runmend.plan.change import POD_SPEC, Change, Json
from runmend.plan.operations import Operation

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_WHICH: Final = ("limits", "requests")
_RESOURCE: Final = re.compile(r"cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMGT]i|[a-z0-9.-]+/[A-Za-z0-9._-]+")
_OF_RUN: Final = ("current_limit", "current_request")
_EXAMPLE: Final = (*APP, "resources")


class Resources(Frozen):
    """Resource → quantity, and of which container: `{container}`, a name, or `*` for all."""

    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    container: str = ALL


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "set resources")
    if target is None:
        return None
    kind, name, words = target
    good = no_more(words, command, f"set the resources of one {kind.name}")
    good = in_namespace(command, kind) and good
    container = named_by(command)
    given = {which: _quantities(flag(command, f"--{which}"), which, command) for which in _WHICH}
    if None in given.values() or container is None or not good:
        return None
    if not any(given.values()):
        command.error("the command sets neither limits nor requests", "write --limits=memory=512Mi")
        return None
    arguments = Resources.model_validate({**given, "container": container}).model_dump(mode="json")
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE, arguments=arguments)


def _quantities(text: str, which: str, command: Command) -> dict[str, str] | None:
    """`memory=512Mi,cpu=200m`; None where it is wrong, which is said."""
    found: dict[str, str] = {}
    good = True
    for term in text.split(",") if text else ():
        resource, equals, value = term.partition("=")
        if not command.refuse_placeholders(resource, "a resource's name"):
            good = False
        elif not equals or not _RESOURCE.fullmatch(resource):
            command.error(f"{quoted(term)} is no resource with its quantity", f"write --{which}=memory=512Mi,cpu=200m")
            good = False
        elif not command.check(value, f"the {resource} of --{which}", not_negative, _OF_RUN):
            good = False
        else:
            found[resource] = command.filled(value)
    return found if good else None


def _effect(arguments: Resources, situation: Situation) -> Json:
    made, containers = copied(situation)
    for container in chosen(arguments.container, containers, situation):
        values = situation.values_of(container["name"])
        for which, given in (("limits", arguments.limits), ("requests", arguments.requests)):
            if given:
                resources = container.setdefault("resources", {})
                new = {resource: checked(text, values, "quantity") for resource, text in given.items()}
                resources[which] = _kept(resources.get(which) or {}, new)
    return made


def _kept(before: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Quantities with new ones; one that is the same in another unit stays as it is written."""
    same = {name for name, text in new.items() if name in before and same_quantity(str(before[name]), text)}
    return {**before, **{name: text for name, text in new.items() if name not in same}}


def _says(arguments: Resources) -> str:
    said = [
        f"{which} {', '.join(f'{resource} {text}' for resource, text in given.items())}"
        for which, given in (("limits", arguments.limits), ("requests", arguments.requests))
        if given
    ]
    where = "every container" if arguments.container == ALL else f"container {arguments.container}"
    return f"{', '.join(said)} of {where}"


def _fields(arguments: Resources) -> tuple[Field, ...]:
    return tuple(
        (*POD_SPEC, listed, "*", "resources", which)
        for listed in LISTS
        for which in _WHICH
        if getattr(arguments, which)
    )


VERB = Verb(
    words="set resources",
    summary="Sets what containers ask for (requests), and may use at most (limits).",
    kinds=_KINDS,
    arguments=Resources,
    command=_command,
    says=_says,
    example="kubectl set resources deployment/{deployment} -c {container} "
    "--limits=memory=512Mi,cpu=0.5 --requests=memory=256Mi -n {namespace}",
    flags=(
        CONTAINERS,
        Flag("--limits", means="what a container may use at most"),
        Flag("--requests", means="what it asks for"),
    ),
    changing=Changing(
        effect=_effect,
        fields=_fields,
        risk=Risk.ROLLING,
        example=Example(
            before=an_example(resources={"limits": {"memory": "256Mi", "cpu": "1"}}),
            changes=(
                Change(path=(*_EXAMPLE, "limits", "memory"), before="256Mi", after="512Mi"),
                Change(path=(*_EXAMPLE, "limits", "cpu"), before="1", after="0.5"),
                Change(path=(*_EXAMPLE, "requests", "memory"), after="256Mi", made=1),
            ),
        ),
    ),
)
