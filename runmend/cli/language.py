"""`runmend facts`, `runmend sentences` and `runmend verbs`: what a runbook may be written with, printed from the tables
themselves.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from runmend.core.kinds import is_in_no_namespace
from runmend.core.wording import listed
from runmend.facts.examples import example_of
from runmend.facts.expressions import reference
from runmend.facts.groups import GROUPS
from runmend.facts.schema import MODELS, described
from runmend.language.rights import needs_of
from runmend.language.states import STATES
from runmend.language.verbs import VERBS
from runmend.language.verbs.command import in_words
from runmend.language.verbs.verb import Verb
from runmend.runbook.diagnostics import Report
from runmend.runbook.forms import FORMS, Form, Place
from runmend.runbook.kubectl import parse_command
from runmend.runbook.sentences import Read, read_sentence
from runmend.runbook.values import Parameter, Values


def print_facts(*, as_json: bool) -> int:
    """Print the groups, the functions, the states and the facts of each kind of object."""
    names = [{"name": name, "type": kind, "means": means} for name, kind, means in reference()]
    kinds = {
        kind: [
            {"name": fact.name, "type": fact.type, "means": means, "example": example_of(kind, fact, means)}
            for fact, means in described(model)
        ]
        for kind, model in MODELS.items()
    }
    states = [{"name": state.name, "type": "", "means": state.in_words} for state in STATES.values()]
    if as_json:
        told = [{"name": row["name"], "means": row["means"]} for row in states]
        sys.stdout.write(json.dumps({"names": names, "states": told, "kinds": kinds}, indent=2) + "\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in _facts(names, states, kinds))
    return 0


def print_sentences(*, as_json: bool) -> int:
    """Print each family of sentences by its examples, with the expression that each example stands for."""
    rows = sentence_rows()
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    for row in rows:
        must = "" if row["place"] == "condition" else f", {row['must']}s true"
        sys.stdout.write(f"{row['sentence']}\n    {row['place']}{must}: {row['expression']}\n")
    return 0


def sentence_rows() -> list[dict[str, Any]]:
    """Each example of the table of sentences: where it may stand, and the expression that it stands for."""
    return [_row(form, example) for form in FORMS for example in form.examples]


def _row(form: Form, example: str) -> dict[str, Any]:
    place: Place = "criterion" if form.may_stand("criterion") else "condition"
    read = read_sentence(example, place, form.query)
    assert read is not None, example  # noqa: S101  a test holds it
    where = "criterion or condition" if form.may_stand("condition") and place == "criterion" else place
    return {
        "sentence": example,
        "query": form.query,
        "place": f"{where} with a query" if form.query else where,
        "expression": read.expression or _without_expression(read),
        "must": read.must,
        "seconds": read.seconds,
    }


def _without_expression(read: Read) -> str:
    if read.owner:
        return f"the target is a {read.owner}"
    asked = read.labels.required if read.labels else ()
    return f"the alert carries {', '.join(asked) or 'any labels'}"


def print_verbs(*, as_json: bool) -> int:
    """Print each verb: how it is written, to what it is done, what it does, and what it needs."""
    rows = [verb_row(verb) for verb in VERBS]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    for row in rows:
        sys.stdout.write(f"kubectl {row['verb']}: {row['summary']}\n")
        sys.stdout.writelines(
            f"    {name}: {row[name].replace(chr(10), f'{chr(10)}        ')}\n"
            for name in ("kinds", "flags", "undo", "rights", "example")
        )
    return 0


def verb_row(verb: Verb[Any]) -> dict[str, str]:
    """A verb in words; its rights are those that its example needs besides what every run does."""
    values = Values(Report("example"), 1, {name: Parameter(name, "a:1", 1) for name in ("fallback_image",)})
    operation = parse_command(verb.example, values)
    assert operation is not None, verb.example  # noqa: S101  a test holds it
    rights = (
        f"{', '.join(right.verbs)} {'/'.join(filter(None, (right.group, *right.resources)))}"
        for right in needs_of(operation).rights
    )
    within = ("--namespace",) if any(not is_in_no_namespace(kind) for kind in verb.kinds) else ()
    changing = verb.changing
    undoable = changing is not None and changing.undoable and changing.removing is None
    return {
        "verb": verb.words,
        "summary": verb.summary,
        "kinds": listed(in_words(verb.kinds)),
        "flags": ", ".join((*within, *(flag.name for flag in verb.flags))) or "none",
        "undo": ("can be undone" if undoable else "cannot be undone") if changing else "only reads",
        "rights": "; ".join(dict.fromkeys(rights)) or "none",
        "example": verb.example,
    }


def _facts(
    names: list[dict[str, str]], states: list[dict[str, str]], kinds: dict[str, list[dict[str, str]]]
) -> Iterator[str]:
    yield "names that an expression begins with"
    yield from _table(names)
    yield ""
    yield "states, and what shows each"
    yield from _table(states)
    for kind, facts in kinds.items():
        groups = [name for name, group in GROUPS.items() if group.of == kind]
        yield ""
        yield f"{kind}" + (f" ({', '.join(groups)})" if groups else "")
        yield from _table(facts)


def _table(rows: list[dict[str, str]]) -> Iterator[str]:
    names = max(len(row["name"]) for row in rows)
    types = max(len(row["type"]) for row in rows)
    for row in rows:
        yield f"  {row['name']:<{names}}  {row['type']:<{types}}  {row['means']}"
