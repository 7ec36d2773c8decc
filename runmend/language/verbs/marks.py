"""`kubectl annotate` and `kubectl label`: annotations and labels of an object."""

import copy
import re
from collections.abc import Callable
from typing import Final

from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.core.kinds import CUSTOM, OBJECTS
from runmend.core.wording import listed, quoted
from runmend.language.verbs.command import NAMESPACE, Command, Flag, in_namespace, target_of
from runmend.language.verbs.values import ANY_OF_RUN, checked, one_line
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import Change, Json
from runmend.plan.operations import Operation

KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Node", *OBJECTS, CUSTOM)
OUR_OWN: Final = "runmend.io/"
_KEY: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_OVERWRITE: Final = Flag("--overwrite", takes=False, means="gives a new value to what has one", example="--overwrite")


class Marks(Frozen):
    """What is set, by key, the keys that are taken away, and whether what has another value is given the new one."""

    set: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    overwrite: bool = False


def label_value(text: str) -> str:
    """A label's value.

    Raises:
        ValueError: it is none.
    """
    if not _LABEL.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a label's value")
    return text


def key_good(key: str, command: Command, what: str) -> bool:
    """Whether a key may be written; else that is said."""
    if not command.refuse_placeholders(key, f"the key of {what}"):
        return False
    if not _KEY.fullmatch(key):
        command.error(f"{quoted(key)} is no key of {what}", "write it as example.com/name, or name")
        return False
    if key.startswith(OUR_OWN):
        command.error(f"{quoted(key)} is a key of Runmend's own", "write another one")
        return False
    return True


def _command(words: str, what: str, validator: Callable[[str], object]) -> Callable[[Command], Operation | None]:
    def read(command: Command) -> Operation | None:
        target = target_of(command, KINDS, words)
        if target is None:
            return None
        kind, name, marks = target
        good = in_namespace(command, kind)
        given: dict[str, str] = {}
        removed: dict[str, None] = {}
        for mark in marks:
            key, equals, value = mark.partition("=")
            if not equals and not key.endswith("-"):
                command.error(f"{quoted(mark)} is no {what} with its value", "write KEY=VALUE, or KEY- to take it away")
                return None
            key = key if equals else key.removesuffix("-")
            good = key_good(key, command, f"a{'n' if what[0] in 'aeiou' else ''} {what}") and good
            if equals:
                good = command.check(value, f"the value of {quoted(key)}", validator, ANY_OF_RUN) and good
                given[key] = value
            else:
                removed[key] = None
        if both := given.keys() & removed.keys():
            command.error(
                f"the command sets and takes away {quoted(listed(sorted(both), 'and'))}", "write one of the two"
            )
            return None
        if not marks:
            command.error(f"the command sets no {what}", "write KEY=VALUE, or KEY- to take it away")
        if not marks or not good:
            return None
        arguments = Marks(
            set=tuple((key, command.filled(value)) for key, value in given.items()),
            removed=tuple(removed),
            overwrite="--overwrite" in command.flags,
        ).model_dump(mode="json")
        namespace = NAMESPACE if kind.namespaced else ""
        return Operation(verb=words, kind=kind.name, name=name, namespace=namespace, arguments=arguments)

    return read


def _effect(field: str) -> Callable[[Marks, Situation], Json]:
    def effect(marks: Marks, situation: Situation) -> Json:
        made = copy.deepcopy(situation.item)
        metadata = made["metadata"]
        there = dict(metadata.get(field) or {})
        for key, template in marks.set:
            value = checked(template, situation.values, "text")
            if field == "labels" and not _LABEL.fullmatch(value):
                raise PreconditionFailed(f"{quoted(value)} is not a label's value", reason="not a label's value")
            if there.get(key, value) != value and not marks.overwrite:
                raise PreconditionFailed(
                    f"{key} of {situation.now.target} is {quoted(there[key])} already; --overwrite gives another value",
                    reason="it has another value",
                )
            there[key] = value
        for key in marks.removed:
            there.pop(key, None)
        if there or field in metadata:
            metadata[field] = there
        return made

    return effect


def _says(marks: Marks) -> str:
    said = [f"{key}={value}" for key, value in marks.set] + [f"without {key}" for key in marks.removed]
    return ", ".join(said)


def _verb(words: str, field: str, what: str, validator: Callable[[str], object]) -> Verb[Marks]:
    return Verb(
        words=words,
        summary=f"Sets {what}s of an object, and takes them away.",
        kinds=KINDS,
        arguments=Marks,
        command=_command(words, what, validator),
        says=_says,
        example=f"kubectl {words} deployment/{{deployment}} tier=web old- -n {{namespace}}",
        flags=(_OVERWRITE,),
        changing=Changing(
            effect=_effect(field),
            fields=lambda marks: tuple(("metadata", field, key) for key in (*dict(marks.set), *marks.removed)),
            repeatable=True,
            example=Example(
                before={"metadata": {field: {"old": "1", "team": "shop"}}, "spec": {}},
                changes=(
                    Change(path=("metadata", field, "old"), before="1"),
                    Change(path=("metadata", field, "tier"), after="web"),
                ),
            ),
        ),
    )


ANNOTATE: Final = _verb("annotate", "annotations", "annotation", one_line)
LABEL: Final = _verb("label", "labels", "label", label_value)
