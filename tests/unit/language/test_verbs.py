"""What a command's placeholders are filled with: no value changes what is selected, or what is patched."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runmend.plan.notes import LAST_CHANGE, ChangeNote, notes_on

from runmend.core.errors import PreconditionFailed, StepFailed
from runmend.facts.workload import WorkloadFacts
from runmend.kube import facts
from runmend.language.verbs import checked, image_patch, read_events
from runmend.plan.messages import Change
from runmend.plan.plan import FieldTerm, GetEvents

Json = dict[str, Any]
QUERY = GetEvents(
    namespace="{namespace}", field_selector=(FieldTerm(field="involvedObject.name", operator="=", value="{pod}"),)
)
HOSTILE = [
    "$(reboot)",
    "a; rm -rf /",
    "a|b",
    "`id`",
    "../secrets",
    "..",
    "",
    "-n",
    "a b",
    "a\n",
    "a\x00",
    "a,type=Normal",
    "a=b",
    "{namespace}",
    "wеb",  # noqa: RUF001  a Cyrillic letter, which is the point
    "ＷＥＢ",  # noqa: RUF001  the same in full width
    "a" * 10_000,
    '","image":"evil',
]
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
texts = st.text(max_size=40) | st.sampled_from(HOSTILE) | st.text(string.printable, max_size=20)


class Asked:
    """Stands for a cluster: keeps what it was asked for."""

    def __init__(self) -> None:
        self.queries: list[tuple[str, str]] = []

    def events(self, namespace: str, field_selector: str = "") -> tuple[()]:
        self.queries.append((namespace, field_selector))
        return ()


def asked(values: dict[str, str], operation: GetEvents = QUERY) -> list[tuple[str, str]]:
    cluster: Any = Asked()
    read_events(cluster, operation, values)
    queries: list[tuple[str, str]] = cluster.queries
    return queries


def a_deployment(
    containers: dict[str, str], init: dict[str, str] | None = None, note: str | None = None
) -> WorkloadFacts:
    listed = {
        "containers": [{"name": name, "image": image} for name, image in containers.items()],
        "initContainers": [{"name": name, "image": image} for name, image in (init or {}).items()],
    }
    annotations = {LAST_CHANGE: note} if note is not None else {}
    metadata = {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "annotations": annotations}
    return facts.deployment({"metadata": metadata, "spec": {"template": {"spec": listed}}})


def a_note(**containers: tuple[str, str]) -> ChangeNote:
    return ChangeNote(workflow="test/shop/Deployment/web", run="r", step="02-patch_image", containers=containers)


def test_placeholders_are_filled_into_the_query() -> None:
    assert asked({"namespace": "shop", "pod": "web-1"}) == [("shop", "involvedObject.name=web-1")]


def test_literal_terms_are_sent_as_they_are_written() -> None:
    terms = (FieldTerm(field="type", operator="!=", value="Normal"), *QUERY.field_selector)
    operation = QUERY.model_copy(update={"field_selector": terms})

    assert asked({"namespace": "shop", "pod": "web-1"}, operation) == [
        ("shop", "type!=Normal,involvedObject.name=web-1")
    ]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("label", ["namespace", "pod"])
def test_a_hostile_label_is_refused_before_anything_is_asked(label: str, value: str) -> None:
    cluster: Any = Asked()

    with pytest.raises(StepFailed, match="cannot be filled"):
        read_events(cluster, QUERY, {"namespace": "shop", "pod": "web-1", label: value})

    assert cluster.queries == []


@given(texts, texts)
def test_whatever_the_labels_hold_a_query_has_one_namespace_and_one_term(namespace: str, pod: str) -> None:
    cluster: Any = Asked()
    try:
        read_events(cluster, QUERY, {"namespace": namespace, "pod": pod})
    except StepFailed:
        assert cluster.queries == []
        return
    ((sent_namespace, selector),) = cluster.queries
    assert (sent_namespace, selector) == (namespace, f"involvedObject.name={pod}")
    assert set(namespace + pod) <= set(string.ascii_lowercase + string.digits + "-.")


def test_a_literal_that_a_selector_gives_a_meaning_to_is_refused() -> None:
    operation = QUERY.model_copy(update={"field_selector": (FieldTerm(field="reason", operator="=", value="a,b=c"),)})

    with pytest.raises(StepFailed, match="give a meaning to"):
        asked({"namespace": "shop"}, operation)


def test_a_placeholder_without_a_value_is_named() -> None:
    with pytest.raises(StepFailed, match=r"'\{pod\}' cannot be filled: there is no value for 'pod'"):
        asked({"namespace": "shop"})


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("namespace", "shop", "shop.example"),
        ("container", "app", "app.1"),
        ("name", "web.example-1", "Web"),
        ("image", "registry.example:5000/a/b:1.0", "registry.example/App:1.0"),
        ("image", "a@sha256:" + "0" * 64, "a@sha256:1"),
        ("image", "app", "app:1 2"),
    ],
)
def test_a_value_is_checked_for_what_it_is(kind: str, good: str, bad: str) -> None:
    assert checked("{x}", {"x": good}, kind) == good
    with pytest.raises(StepFailed, match="cannot be filled"):
        checked("{x}", {"x": bad}, kind)


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    with pytest.raises(StepFailed):
        checked("{a}", {"a": "{b}", "b": "shop"}, "namespace")


def test_a_patch_holds_the_version_the_note_and_each_container_where_it_stands() -> None:
    deployment = a_deployment({"app": "a:1", "log": "l:1"}, {"db": "d:1"})
    changes = (
        Change(container="app", before="a:1", after="f:1"),
        Change(container="db", init=True, before="d:1", after="f:1"),
    )
    note = a_note(app=("a:1", "f:1"), db=("d:1", "f:1"))

    patch = image_patch(deployment, changes, note)

    assert patch["metadata"]["resourceVersion"] == "7"
    assert ChangeNote.model_validate_json(patch["metadata"]["annotations"][LAST_CHANGE]) == note
    assert patch["spec"] == {
        "template": {
            "spec": {
                "containers": [{"name": "app", "image": "f:1"}],
                "initContainers": [{"name": "db", "image": "f:1"}],
            }
        }
    }


@pytest.mark.parametrize(
    "change",
    [Change(container="proxy", before="p", after="f"), Change(container="app", init=True, before="a", after="f")],
)
def test_a_container_that_is_not_in_its_list_of_the_template_is_never_patched(change: Change) -> None:
    with pytest.raises(PreconditionFailed, match="a patch would add it"):
        image_patch(a_deployment({"app": "a:1"}, {"db": "d:1"}), (change,), a_note())


@given(names, texts)
def test_whatever_a_value_holds_a_patch_keeps_its_shape(container: str, image: str) -> None:
    deployment = a_deployment({container: "a:1"})
    change = Change(container=container, before="a:1", after=image)

    patch = image_patch(deployment, (change,), a_note(**{container: ("a:1", image)}))

    body = json.loads(json.dumps(patch))
    assert set(body) == {"metadata", "spec"}
    assert set(body["metadata"]) == {"resourceVersion", "annotations"}
    assert body["spec"] == {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"workflow": "w"}', '{"workflow":"w","run":"r","step":"s","containers":{"app":"a"}}']
)
def test_an_annotation_that_is_not_ours_to_read_is_no_note(text: str) -> None:
    assert list(notes_on(a_deployment({"app": "a:1"}, note=text))) == []


def test_a_note_is_its_steps_own_and_no_others() -> None:
    (found,) = notes_on(a_deployment({"app": "a:1"}, note=a_note(app=("a:1", "f:1")).model_dump_json()))

    assert found.containers == {"app": ("a:1", "f:1")}
    assert found.is_by("test/shop/Deployment/web", "r", "02-patch_image")
    assert not found.is_by("test/shop/Deployment/web", "another", "02-patch_image")
    assert not found.is_by("test/shop/Deployment/web", "r", "03-patch_image")
    assert not found.is_by("test/shop/Deployment/api", "r", "02-patch_image")


def test_a_deployment_without_the_annotation_has_no_note() -> None:
    assert list(notes_on(a_deployment({"app": "a:1"}))) == []
