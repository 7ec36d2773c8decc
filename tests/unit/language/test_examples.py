"""What every changing verb promises by its example: what it changes, that it may be written, and that it can be undone.

tests/e2e/test_twins.py runs the same examples by kubectl.
"""

import copy
from typing import Any

import pytest

from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed
from runmend.kube import facts
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from runmend.language.verbs import VERBS
from runmend.language.verbs.containers import APP
from runmend.language.verbs.rollout_restart import MOMENT
from runmend.language.verbs.rollout_undo import Revision
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import differences, stands, taken_back
from runmend.plan.messages import Affected
from tests.unit.language.test_rights import command

Json = dict[str, Any]
WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
TREATED = (Affected(container=APP[-1], init=False, image="a:1", reason="", pods=()),)
CHANGING = [verb for verb in VERBS if verb.changing]
WORKLOADS = [verb for verb in CHANGING if "Deployment" in verb.kinds]
each = pytest.mark.parametrize("verb", WORKLOADS, ids=lambda verb: verb.words)


def parts(verb: Verb[Any]) -> tuple[Changing[Any], Example]:
    assert verb.changing
    assert verb.changing.example
    return verb.changing, verb.changing.example


def whole(given: Json) -> Json:
    """An example's object as the API server has it."""
    made = copy.deepcopy(given)
    made["metadata"] = {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7"} | made.get(
        "metadata", {}
    )
    template = made["spec"].setdefault("template", {})
    template.setdefault("metadata", {})["labels"] = {"app": "web"}
    spec = template.setdefault("spec", {})
    spec.setdefault("containers", [{"name": APP[-1]}])
    for container in spec["containers"]:
        container.setdefault("resources", {})
        container.setdefault("image", "registry.example/web:1")
    return made


def done(verb: Verb[Any], item: Json) -> Json:
    changing, example = parts(verb)
    operation = command(verb.example)
    now = TargetNow(WEB, Workloads((), {}), facts.deployment(item), item)
    values = {"namespace": "shop", "deployment": "web", **example.values}
    more = Revision(1, whole(example.earlier)["spec"]["template"], {}) if example.earlier else None
    situation = Situation(item, now, values, TREATED, more, MOMENT)
    return changing.effect(verb.arguments.model_validate(operation.arguments), situation)


@pytest.mark.parametrize("verb", CHANGING, ids=lambda verb: verb.words)
def test_every_verb_that_changes_something_has_its_example(verb: Verb[Any]) -> None:
    assert verb.changing
    if verb.changing.fields(verb.arguments.model_validate(command(verb.example).arguments)):
        assert parts(verb)[1].changes
    else:
        assert verb.changing.removing or verb.changing.beside


@pytest.mark.parametrize("verb", [verb for verb in CHANGING if verb.kinds == ("Node",)], ids=lambda verb: verb.words)
def test_the_example_of_a_node_changes_what_it_says_and_can_be_taken_back(verb: Verb[Any]) -> None:
    changing, example = parts(verb)
    item = copy.deepcopy(example.before) | {"metadata": {"name": "n1", "uid": "u", "resourceVersion": "7"}}
    target = Target(cluster="test", kind="Node", name="n1")
    situation = Situation(item, TargetNow(target, Workloads((), {}), None, item), {"node": "n1"})
    made = changing.effect(verb.arguments.model_validate(command(verb.example).arguments), situation)

    assert differences(item, made) == example.changes
    assert taken_back(example.changes, made) == (item, ())


@each
def test_the_example_changes_what_it_says_and_nothing_else(verb: Verb[Any]) -> None:
    _, example = parts(verb)
    item = whole(example.before)
    before = copy.deepcopy(item)

    assert differences(item, done(verb, item)) == example.changes
    assert item == before


@each
def test_what_the_example_changes_can_be_taken_back(verb: Verb[Any]) -> None:
    item = whole(parts(verb)[1].before)
    made = done(verb, item)
    changes = differences(item, made)

    assert taken_back(changes, made) == (item, ())
    assert all(stands(change, made) for change in changes)


@each
def test_the_example_writes_only_fields_that_the_verb_names(verb: Verb[Any]) -> None:
    changing, example = parts(verb)
    fields = changing.fields(verb.arguments.model_validate(command(verb.example).arguments))

    for change in example.changes:
        assert any(
            all(key in ("*", step) for key, step in zip(field, change.path, strict=False))
            and len(field) <= len(change.path)
            for field in fields
        ), change.path


@each
def test_done_twice_it_changes_nothing_more_or_says_why(verb: Verb[Any]) -> None:
    made = done(verb, whole(parts(verb)[1].before))
    try:
        again = done(verb, made)
    except PreconditionFailed as error:
        assert "already" in str(error)  # noqa: PT017  one of two good ends
        return
    assert again == made
