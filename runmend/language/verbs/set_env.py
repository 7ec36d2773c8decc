"""`kubectl set env`: environment variables of containers."""

import re
from typing import Final

from runmend.core.frozen import Frozen
from runmend.core.wording import listed, quoted
from runmend.language.needs import Field
from runmend.language.verbs.command import NAMESPACE, Command, Flag, in_namespace, target_of
from runmend.language.verbs.containers import ALL, APP, CONTAINERS, LISTS, an_example, chosen, copied, named_by
from runmend.language.verbs.values import ANY_OF_RUN, checked, one_line
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import POD_SPEC, Change, Json
from runmend.plan.operations import Operation

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_NAME: Final = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]{0,252}")
_EXAMPLE: Final = (*APP, "env")
_FROM: Final = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}


class Environment(Frozen):
    """Variables with their values, names of those that are taken away, and of which container: `{container}`, a name,
    or `*` for all.
    """

    variables: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    container: str = ALL


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "set env")
    if target is None:
        return None
    kind, name, words = target
    good = in_namespace(command, kind)
    container = named_by(command)
    variables: dict[str, str] = {}
    removed: dict[str, None] = {}
    for word in (*words, *command.flags.get("--env", ())):
        key, equals, value = word.partition("=")
        if not equals and key.endswith("-"):
            key = key.removesuffix("-")
            removed[key] = None
        elif not equals:
            command.error(f"{quoted(word)} is no variable with its value", "write NAME=VALUE, or NAME- to take it away")
            good = False
            continue
        good = _is_named(key, command) and good
        if equals:
            good = command.check(value, f"the value of {quoted(key)}", one_line, ANY_OF_RUN) and good
            variables.setdefault(key, value)  # kubectl takes the first where one is given twice
    if both := variables.keys() & removed.keys():
        command.error(f"the command sets and takes away {quoted(listed(sorted(both), 'and'))}", "write one of the two")
        good = False
    if not variables and not removed:
        command.error("the command sets no variable", "write NAME=VALUE, or NAME- to take it away")
    if not good or container is None:
        return None
    arguments = Environment(
        variables=tuple((key, command.filled(value)) for key, value in variables.items()),
        removed=tuple(removed),
        container=container,
    ).model_dump(mode="json")
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE, arguments=arguments)


def _is_named(key: str, command: Command) -> bool:
    if not command.refuse_placeholders(key, "a variable's name"):
        return False
    if not _NAME.fullmatch(key):
        command.error(
            f"{quoted(key)} is no name of a variable", "write letters, digits, '_', '-' and '.', not a digit first"
        )
        return False
    return True


def _effect(arguments: Environment, situation: Situation) -> Json:
    made, containers = copied(situation)
    for container in chosen(arguments.container, containers, situation):
        values = situation.values_of(container["name"])
        given = {key: _entry(key, checked(value, values, "text")) for key, value in arguments.variables}
        kept = [entry for entry in container.get("env") or () if entry["name"] not in arguments.removed]
        there = {entry["name"] for entry in kept}
        new = [entry for key, entry in given.items() if key not in there]
        env = [*(given.get(entry["name"], entry) for entry in kept), *new]
        if env:
            container["env"] = env
        else:
            container.pop("env", None)
    return made


def _entry(name: str, value: str) -> Json:
    """A variable as the API server has it: without a value where that is empty."""
    return {"name": name, "value": value} if value else {"name": name}


def _says(arguments: Environment) -> str:
    """Without the values, which may be secrets."""
    said = [*(f"set {name}" for name, _ in arguments.variables), *(f"remove {name}" for name in arguments.removed)]
    where = "every container" if arguments.container == ALL else f"container {arguments.container}"
    return f"{', '.join(said)} of {where}"


def _fields(arguments: Environment) -> tuple[Field, ...]:
    del arguments
    return tuple((*POD_SPEC, listed, "*", "env") for listed in LISTS)


VERB = Verb(
    words="set env",
    summary="Sets environment variables of containers, and takes them away.",
    kinds=_KINDS,
    arguments=Environment,
    command=_command,
    says=_says,
    example="kubectl set env deployment/{deployment} -c {container} MODE=safe WORKERS=2 OLD- -n {namespace}",
    flags=(CONTAINERS, Flag("--env", "e", repeats=True, means="a variable, as the words are", example="MODE=safe")),
    changing=Changing(
        effect=_effect,
        fields=_fields,
        example=Example(
            before=an_example(
                env=[
                    {"name": "OLD", "value": "1"},
                    {"name": "MODE", "valueFrom": _FROM},
                    {"name": "LAST", "value": "1"},
                ]
            ),
            changes=(
                Change(path=(*_EXAMPLE, "MODE", "valueFrom"), before=_FROM),
                Change(path=(*_EXAMPLE, "MODE", "value"), after="safe"),
                Change(path=(*_EXAMPLE, "OLD"), before={"name": "OLD", "value": "1"}, place=0),
                Change(path=(*_EXAMPLE, "WORKERS"), after={"name": "WORKERS", "value": "2"}),
            ),
        ),
    ),
)
