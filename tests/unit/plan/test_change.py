"""What a change is: from two objects to their differences, and from those to words, a patch, and back."""

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.plan.change import (
    Change,
    as_admitted,
    as_patch,
    covers,
    differences,
    in_words,
    lasting,
    stands,
    taken_back,
    value_at,
    with_value,
)
from tests.builders import image_change

Json = dict[str, Any]
APP = ("spec", "template", "spec", "containers", "app")
names = st.sampled_from(["a", "b", "c", "name", "env", "x.y/z"])
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4)


def items(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    entries = st.dictionaries(names, children, max_size=3)
    listed = st.dictionaries(st.sampled_from(["p", "q", "r"]), entries, max_size=3)
    return listed.map(lambda named: [{**entry, "name": name} for name, entry in named.items()])


def maps(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.dictionaries(st.sampled_from(["containers", "volumes", "env"]), items(children), max_size=2)
    return st.builds(lambda a, b: {**a, **b}, st.dictionaries(st.sampled_from("abcd"), children, max_size=3), lists)


trees = st.recursive(scalars, lambda below: maps(below) | st.lists(below, max_size=2), max_leaves=12)
objects = maps(trees)


def plain(value: Any) -> Any:
    """JSON as the API server has it: what is null is not there."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if each is not None}
    return [plain(each) for each in value if each is not None] if isinstance(value, list) else value


def workload(**container: Any) -> Json:
    return {"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", **container}]}}}}


@given(objects, objects)
def test_what_was_changed_can_be_taken_back(before: Json, after: Json) -> None:
    before, after = plain(before), plain(after)
    made, left = taken_back(differences(before, after), after)

    assert left == ()
    assert made == before


@given(objects, objects)
def test_every_difference_is_told_and_stands_in_the_other_one(before: Json, after: Json) -> None:
    before, after = plain(before), plain(after)
    changes = differences(before, after)

    assert bool(changes) == (before != after)
    assert all(stands(change, after) for change in changes)
    made = before
    for change in changes:
        made = with_value(made, change.path, change.after)
    assert made == after


@given(objects)
def test_nothing_differs_from_itself_and_nothing_is_changed_by_looking(one: Json) -> None:
    before = copy.deepcopy(one)

    assert differences(one, one) == ()
    assert one == before


def test_a_change_of_an_image_is_named_by_its_container() -> None:
    before, after = workload(image="a:1"), workload(image="a:2")

    (change,) = differences(before, after)

    assert change == image_change("app", "a:1", "a:2")
    assert (change.container, change.of_image, change.init, change.named) == ("app", True, False, "container app")
    assert in_words([change]) == "container app: a:1 → a:2"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"spec": {"replicas": 2}}, {"spec": {"replicas": 5}}, "replicas: 2 → 5"),
        ({"spec": {}}, {"spec": {"unschedulable": True}}, "unschedulable: not set → true"),
        (
            workload(resources={"limits": {"memory": "256Mi"}}),
            workload(resources={"limits": {"memory": "512Mi"}}),
            "container app resources.limits.memory: 256Mi → 512Mi",
        ),
        (
            workload(env=[{"name": "A", "value": "secret"}]),
            workload(env=[{"name": "A", "value": "other"}]),
            "container app env.A.value: (a value that is not shown) → (a value that is not shown)",
        ),
        (
            {"spec": {"template": {"metadata": {}}}},
            {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}},
            "template.metadata.annotations[kubectl.kubernetes.io/restartedAt]: not set → now",
        ),
        (
            {"metadata": {"labels": {"a.b/c": "1"}}},
            {"metadata": {"labels": {"a.b/c": "2"}}},
            "labels[a.b/c]: 1 → 2",
        ),
    ],
)
def test_a_change_says_what_it_is_of(before: Json, after: Json, words: str) -> None:
    assert in_words(differences(before, after)) == words


def test_a_sidecar_is_told_by_its_restart_policy() -> None:
    def of(image: str) -> Json:
        proxy = {"name": "proxy", "image": image, "restartPolicy": "Always"}
        setup = {"name": "setup", "image": image}
        return {"spec": {"template": {"spec": {"initContainers": [proxy, setup]}}}}

    proxy, setup = differences(of("a:1"), of("a:2"))

    assert (proxy.named, proxy.must_end) == ("sidecar container proxy", False)
    assert (setup.named, setup.must_end) == ("init container setup", True)


def test_another_order_of_containers_is_a_change_of_the_whole_list() -> None:
    def of(*names: str) -> Json:
        return {"spec": {"template": {"spec": {"initContainers": [{"name": name} for name in names]}}}}

    (change,) = differences(of("a", "b"), of("b", "a"))

    assert change.path == ("spec", "template", "spec", "initContainers")


@pytest.mark.parametrize(
    ("live", "written", "path", "same"),
    [
        ("1Gi", "1024Mi", ("limits", "memory"), True),
        ("1Gi", "1025Mi", ("limits", "memory"), False),
        ("1Gi", "1024Mi", ("annotations", "a"), False),
        ("a:1@sha256:" + "0" * 64, "a:1", ("image",), True),
        ("a:2@sha256:" + "0" * 64, "a:1", ("image",), False),
        ({"path": "/", "scheme": "HTTP"}, {"path": "/"}, ("httpGet",), True),
        ({"scheme": "HTTP"}, {"path": "/"}, ("httpGet",), False),
        ([1], [1, 2], ("args",), False),
        (None, None, ("a",), True),
        (None, "a", ("a",), False),
    ],
)
def test_what_the_api_server_adds_is_no_other_value(live: Any, written: Any, path: tuple[str, ...], same: bool) -> None:  # noqa: FBT001
    assert covers(live, written, path) is same


def test_a_digest_that_was_added_becomes_part_of_the_change() -> None:
    pinned = "a:2@sha256:" + "0" * 64
    change = image_change("app", "a:1", "a:2")

    assert as_admitted(change, workload(image=pinned)).after == pinned
    assert as_admitted(change, workload(image="a:3")).after == "a:2"
    assert as_admitted(change, workload()).after == "a:2"


def test_what_somebody_else_has_changed_since_is_left() -> None:
    image = image_change("app", "a:1", "a:2")
    replicas = Change(path=("spec", "replicas"), before=2, after=3)
    live = workload(image="theirs:1") | {}
    live["spec"]["replicas"] = 3

    made, left = taken_back((image, replicas), live)

    assert left == (image,)
    assert (value_at(made, (*APP, "image")), made["spec"]["replicas"]) == ("theirs:1", 2)


def test_what_somebody_else_has_put_beside_it_since_is_left() -> None:
    changes = differences({"metadata": {}}, {"metadata": {"annotations": {"ours": "1"}}})

    assert taken_back(changes, {"metadata": {"annotations": {"ours": "1", "theirs": "2"}}}) == (
        {"metadata": {"annotations": {"theirs": "2"}}},
        (),
    )
    assert taken_back(changes, {"metadata": {"annotations": {"ours": "1"}}}) == ({"metadata": {}}, ())


def test_an_entry_that_comes_back_stands_where_it_stood() -> None:
    before = workload(env=[{"name": name, "value": "1"} for name in "abcd"])
    after = workload(env=[{"name": name, "value": "1"} for name in "ce"])

    assert taken_back(differences(before, after), after) == (before, ())


def test_the_patch_by_hand_names_the_entries_of_lists() -> None:
    changes = (
        image_change("app", "a:1", "a:2"),
        Change(path=(*APP, "env", "NEW"), after={"name": "NEW", "value": "1"}),
        Change(path=("spec", "replicas"), before=2, after=3),
    )

    assert as_patch(changes) == {
        "spec": {
            "template": {
                "spec": {
                    "containers": [{"name": "app", "image": "a:2", "env": [{"name": "NEW", "value": "1"}]}],
                }
            },
            "replicas": 3,
        }
    }
    (container,) = as_patch(changes, back=True)["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "app", "image": "a:1", "env": [{"$patch": "delete", "name": "NEW"}]}


@given(objects, objects)
def test_the_json_patch_of_two_objects_makes_the_one_the_other(before: Json, after: Json) -> None:
    assert jsonpatch.apply_patch(before, jsonpatch.make_patch(before, after)) == after


RESTARTED = {"kubectl.kubernetes.io/restartedAt": "2026-11-29T00:00:00Z"}
LIMITS = {"limits": {"memory": "1Gi"}}


def deployed(annotations: Json | None = None, **container: Any) -> Json:
    made = workload(image="a:1", **container)
    made["metadata"] = {"name": "web"}
    made["spec"]["template"]["metadata"] = {"labels": {"app": "web"}} | (
        {"annotations": annotations} if annotations else {}
    )
    return made


TWICE = {
    "rollout restart, rollout undo": (deployed(), deployed(RESTARTED), deployed()),
    "rollout restart, undo to one with other annotations": (
        deployed({"k": "v"}),
        deployed({"k": "v", **RESTARTED}),
        deployed({"k": "v"}),
    ),
    "rollout restart, undo to one without annotations": (
        deployed({"k": "v"}),
        deployed({"k": "v", **RESTARTED}),
        deployed(),
    ),
    "set env, rollout undo": (deployed(), deployed(env=[{"name": "A", "value": "1"}]), deployed()),
    "set env twice": (
        deployed(),
        deployed(env=[{"name": "A", "value": "1"}]),
        deployed(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
    ),
    "set env, change it": (
        deployed(),
        deployed(env=[{"name": "A", "value": "1"}]),
        deployed(env=[{"name": "A", "value": "2"}]),
    ),
    "set env, take it away": (deployed(), deployed(env=[{"name": "A", "value": "1"}]), deployed(env=[])),
    "set resources, rollout undo": (deployed(), deployed(resources=LIMITS), deployed()),
    "set resources, undo to empty ones": (deployed(resources={}), deployed(resources=LIMITS), deployed(resources={})),
    "set resources twice": (deployed(), deployed(resources=LIMITS), deployed(resources={"limits": {"memory": "2Gi"}})),
    "scale, scale": ({"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, {"spec": {"replicas": 3}}),
}


@pytest.mark.parametrize("pair", TWICE)
def test_what_a_later_step_of_the_same_run_changed_is_not_undone_by_somebody(pair: str) -> None:
    before, between, after = TWICE[pair]
    first, second = differences(before, between), differences(between, after)
    after = plain({**after, "status": {}})

    assert not [change.named for change in lasting((*first, *second)) if not stands(change, after)]
    assert not [change.named for change in lasting(first, second) if not stands(change, after)]


def test_the_rest_of_what_was_set_must_stand_beside_what_a_later_step_changed_of_it() -> None:
    before, between, after = TWICE["set env twice"]
    made = (*differences(before, between), *differences(between, after))
    without_the_first = deployed(env=[{"name": "B", "value": "2"}])

    assert [change.named for change in lasting(made) if not stands(change, without_the_first)]


@given(objects, objects, objects)
def test_after_two_changes_what_they_made_stands(one: Json, two: Json, three: Json) -> None:
    one, two, three = plain(one), plain(two), plain(three)
    made = (*differences(one, two), *differences(two, three))

    assert all(stands(change, three) for change in lasting(made))
