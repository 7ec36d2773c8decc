"""`kubectl taint`: what keeps pods that do not tolerate it off a node, or takes them away."""

import copy
import re
from typing import Final

from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.core.wording import quoted
from runmend.language.verbs.command import Command, Flag, target_of
from runmend.language.verbs.marks import key_good, label_value
from runmend.language.verbs.values import ANY_OF_RUN, checked
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import TAINTS, Change, Json
from runmend.plan.operations import Operation

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_WRITE: Final = "write KEY=VALUE:NoSchedule, KEY:NoSchedule, KEY:NoSchedule- or KEY-"
_TAINT: Final = re.compile(r"(?P<key>[^=:]+?)(?:=(?P<value>[^:]*))?(?::(?P<effect>[A-Za-z]+))?(?P<removes>-?)")


class Taint(Frozen):
    """One taint of the command; `effect` is empty where a key is taken away whatever it does."""

    key: str
    value: str = ""
    effect: str = ""


class Taints(Frozen):
    """Those that are set, those that are taken away, and whether one that has another value is given the new one."""

    set: tuple[Taint, ...] = ()
    removed: tuple[Taint, ...] = ()
    overwrite: bool = False


def _command(command: Command) -> Operation | None:
    target = target_of(command, ("Node",), "taint")
    if target is None:
        return None
    kind, name, words = target
    given: list[Taint] = []
    removed: list[Taint] = []
    good = True
    if "--namespace" in command.flags:
        command.error("a node is in no namespace", "leave -n out")
        good = False
    if not words:
        command.error("the command names no taint", _WRITE)
        return None
    for word in words:
        read = _TAINT.fullmatch(word)
        sets = read is not None and not read["removes"]
        if read is None or (sets and not read["effect"]):
            command.error(f"{quoted(word)} is no taint", _WRITE)
            return None
        if read["effect"] and read["effect"] not in EFFECTS:
            command.error(f"{quoted(read['effect'])} is no effect of a taint", f"write one of {', '.join(EFFECTS)}")
            return None
        value = read["value"] or ""
        good = key_good(read["key"], command, "a taint") and good
        good = command.check(value, f"the value of {quoted(read['key'])}", label_value, ANY_OF_RUN) and good
        taint = Taint(key=read["key"], value=command.filled(value) if good else "", effect=read["effect"] or "")
        (given if sets else removed).append(taint)
    if not good:
        return None
    arguments = Taints(set=tuple(given), removed=tuple(removed), overwrite="--overwrite" in command.flags)
    return Operation(verb=VERB.words, kind=kind.name, name=name, arguments=arguments.model_dump(mode="json"))


def _effect(taints: Taints, situation: Situation) -> Json:
    made = copy.deepcopy(situation.item)
    there: list[Json] = list(made["spec"].get("taints") or ())
    new: list[Json] = []
    for taint in taints.set:
        value = checked(taint.value, situation.values, "text")
        entry = {"key": taint.key, **({"value": value} if value else {}), "effect": taint.effect}
        old = next((each for each in there if (each["key"], each["effect"]) == (taint.key, taint.effect)), None)
        if old and old.get("value", "") == value:
            continue
        if old and not taints.overwrite:
            raise PreconditionFailed(
                f"{situation.now.target} has the taint {taint.key}={old.get('value', '')}:{taint.effect} already; "
                "--overwrite gives it another value",
                reason="it has another value",
            )
        if old:
            there.remove(old)
        new.append(entry)
    for taint in taints.removed:
        there = [each for each in there if each["key"] != taint.key or taint.effect not in ("", each["effect"])]
    # kubectl puts new ones first.
    if new or there:
        made["spec"]["taints"] = [*new, *there]
    else:
        made["spec"].pop("taints", None)
    return made


def _says(taints: Taints) -> str:
    said = [f"{each.key}={each.value}:{each.effect}" for each in taints.set]
    said += [f"without {each.key}{f':{each.effect}' if each.effect else ''}" for each in taints.removed]
    return ", ".join(said)


VERB = Verb(
    words="taint",
    summary="Sets taints of a node, which keep pods off it, and takes them away.",
    kinds=("Node",),
    arguments=Taints,
    command=_command,
    says=_says,
    example="kubectl taint nodes {node} repair=disk:NoSchedule old-",
    flags=(Flag("--overwrite", takes=False, means="gives a new value to what has one", example="--overwrite"),),
    changing=Changing(
        effect=_effect,
        fields=lambda _: (TAINTS,),
        repeatable=True,
        example=Example(
            before={"spec": {"taints": [{"key": "old", "effect": "NoSchedule"}]}},
            changes=(
                Change(
                    path=TAINTS,
                    before=[{"key": "old", "effect": "NoSchedule"}],
                    after=[{"key": "repair", "value": "disk", "effect": "NoSchedule"}],
                ),
            ),
        ),
    ),
)
