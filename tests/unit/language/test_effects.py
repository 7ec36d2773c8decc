"""What verbs make of an object, as it was read: pure, without a server."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed, RunmendError, StepFailed
from runmend.kube import facts
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from runmend.language.verbs import changing_of
from runmend.language.verbs.rollout_undo import Revision
from runmend.language.verbs.verb import Situation
from runmend.plan.change import differences, in_words
from runmend.plan.messages import Affected
from runmend.plan.notes import NOTES, ChangeNote, with_note
from runmend.plan.operations import Operation
from tests.builders import image_change
from tests.unit.language.test_rights import command

Json = dict[str, Any]
WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")


def a_workload(
    containers: list[Json] | None = None, init: list[Json] | None = None, annotations: dict[str, str] | None = None
) -> Json:
    spec = {"containers": containers or [{"name": "app", "image": "a:1"}], "initContainers": init or []}
    return {
        "metadata": {
            "namespace": "shop",
            "name": "web",
            "uid": "u",
            "resourceVersion": "7",
            "annotations": annotations or {},
        },
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
    }


def waits(container: str, *, init: bool = False) -> Affected:
    return Affected(container=container, init=init, image="a:1", reason="ErrImagePull", pods=("web-1",))


def done(operation: Operation, item: Json, *treated: Affected, more: Any = None, **values: str) -> Json:
    """The object as the verb makes it; the object that was read stays as it was."""
    changing, arguments = changing_of(operation)
    now = TargetNow(WEB, Workloads((), {}), facts.deployment(item), item)
    known = {"namespace": "shop", "deployment": "web", "pod": "web-1", **values}
    before = copy.deepcopy(item)
    made = changing.effect(arguments, Situation(item, now, known, treated, more))
    assert item == before
    return made


def said(operation: Operation, item: Json, *treated: Affected, more: Any = None, **values: str) -> str:
    return in_words(differences(item, done(operation, item, *treated, more=more, **values)))


def patch(body: str, kind: str = "") -> Operation:
    form = f" --type {kind}" if kind else ""
    return command(f"kubectl patch deployment {{deployment}} -n {{namespace}}{form} -p '{body}'")


EACH = patch('{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"{fallback_image}"}]}}}}')


def test_each_container_that_is_treated_gets_the_image_in_the_list_where_it_stands() -> None:
    listed = [{"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}]
    item = a_workload(listed, [{"name": "db", "image": "d"}])

    told = said(EACH, item, waits("app"), waits("db", init=True), fallback_image="f:1")

    assert told == "container app: a:1 → f:1, init container db: d → f:1"


def test_what_is_named_and_not_treated_stays_as_it_is() -> None:
    both = patch(
        '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"x:1"},{"name":"log","image":"x:2"}]}}}}'
    )
    item = a_workload([{"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}])

    assert said(both, item, waits("app")) == "container app: a:1 → x:1"
    assert said(both, item) == "container app: a:1 → x:1, container log: l:1 → x:2"


def test_a_treated_container_that_the_command_leaves_out_stops_it() -> None:
    only = command("kubectl set image deployment/{deployment} app=x:1 -n {namespace}")
    item = a_workload([{"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}])

    with pytest.raises(PreconditionFailed, match="leaves affected containers of Deployment shop/web as they are: log"):
        done(only, item, waits("app"), waits("log"))


@pytest.mark.parametrize(
    "operation", [EACH, command("kubectl set image deploy/{deployment} {container}=f:1 -n {namespace}")]
)
def test_a_container_that_is_not_in_the_template_is_never_added(operation: Operation) -> None:
    with pytest.raises(PreconditionFailed, match="container proxy is in the pod and not in the template of Deployment"):
        done(operation, a_workload(), waits("proxy"), fallback_image="f:1")


def test_a_container_that_runs_the_image_already_is_not_helped_by_it() -> None:
    pinned = "f:1@sha256:" + "0" * 64
    note = ChangeNote(workflow="w", run="r", step="s", changes=(image_change("app", "a:1", "f:1"),))
    item = a_workload([{"name": "app", "image": pinned}])
    noted = a_workload([{"name": "app", "image": pinned}], annotations={NOTES: with_note({}, note)})

    with pytest.raises(PreconditionFailed, match="container app of Deployment shop/web already runs"):
        done(EACH, a_workload([{"name": "app", "image": "f:1"}]), waits("app"), fallback_image="f:1")
    with pytest.raises(PreconditionFailed, match="already runs"):
        done(EACH, noted, waits("app"), fallback_image="f:1")
    assert said(EACH, item, waits("app"), fallback_image="f:1") == f"container app: {pinned} → f:1"


@given(st.text(max_size=40))
def test_whatever_a_value_holds_only_the_image_of_its_container_changes(image: str) -> None:
    item = a_workload([{"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}])
    try:
        made = done(EACH, item, waits("app"), fallback_image=image)
    except StepFailed:
        return
    assert differences(item, made) == (image_change("app", "a:1", image),)


def test_a_strategic_patch_merges_what_has_names_and_replaces_the_rest() -> None:
    item = a_workload(
        [
            {
                "name": "app",
                "image": "a:1",
                "args": ["-v"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            }
        ]
    )
    body = (
        '{"metadata":{"labels":{"tier":"web"}},"spec":{"replicas":4,"template":{"spec":{"containers":[{"name":"app",'
        '"args":["-q"],"env":[{"name":"B","value":"3"},{"name":"C","value":"4"}],'
        '"ports":[{"containerPort":80}]}]}}}}'
    )

    made = done(patch(body), item)

    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container == {
        "name": "app",
        "image": "a:1",
        "args": ["-q"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
        "ports": [{"containerPort": 80}],
    }
    assert (made["spec"]["replicas"], made["metadata"]["labels"]) == (4, {"tier": "web"})


@pytest.mark.parametrize(
    ("given", "order"),
    [("B D", "A B D C"), ("D", "D A B C"), ("C A", "B C A"), ("A B C", "A B C"), ("D E B", "D E A B C"), ("", "A B C")],
)
def test_a_lists_entries_stand_as_the_api_server_has_them(given: str, order: str) -> None:
    """In this order kubectl's patch leaves them; tests/e2e/test_twins.py compares with it."""

    def variables(names: str) -> list[Json]:
        return [{"name": name, "value": "1"} for name in names.split()]

    item = a_workload([{"name": "app", "image": "a:1", "env": variables("A B C")}])
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": variables(given), "image": "a:2"}]}}}}
    if not given:
        del body["spec"]["template"]["spec"]["containers"][0]["env"]

    (container,) = done(patch(json.dumps(body)), item)["spec"]["template"]["spec"]["containers"]

    assert " ".join(each["name"] for each in container["env"]) == order


def test_containers_keep_their_order_whatever_the_patchs_is() -> None:
    both = '{"spec":{"template":{"spec":{"containers":[{"name":"log","image":"x:2"},{"name":"app","image":"x:1"}]}}}}'
    item = a_workload([{"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}])

    assert said(patch(both), item) == "container app: a:1 → x:1, container log: l:1 → x:2"


def test_null_takes_a_field_away() -> None:
    item = a_workload(annotations={"note": "1", "other": "2"})

    assert done(patch('{"metadata":{"annotations":{"note":null}}}'), item)["metadata"]["annotations"] == {"other": "2"}
    assert "replicas" not in done(patch('{"spec":{"replicas":null}}', "merge"), item)["spec"]


def test_a_json_patch_takes_its_steps_one_after_the_other() -> None:
    steps = '[{"op":"test","path":"/spec/replicas","value":2},{"op":"replace","path":"/spec/replicas","value":3}]'

    assert said(patch(steps, "json"), a_workload()) == "replicas: 2 → 3"
    with pytest.raises(PreconditionFailed, match="the JSON patch does not fit Deployment shop/web"):
        done(patch(steps.replace('"value":2', '"value":5'), "json"), a_workload())


UNDO = command("kubectl rollout undo deployment/{deployment} -n {namespace}")


def test_an_undo_brings_back_the_template_and_its_annotations_and_keeps_the_deployments_own() -> None:
    labels = {"app": "web", "pod-template-hash": "6b9"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "a:0"}]}}
    item = a_workload(annotations={"deployment.kubernetes.io/revision": "3", NOTES: "[]", "cause": "now", "new": "1"})
    revision = Revision(2, template, {"deployment.kubernetes.io/revision": "2", NOTES: "[1]", "cause": "then"})

    made = done(UNDO, item, more=revision)

    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "web"}
    assert made["spec"]["template"]["spec"] == {"containers": [{"name": "app", "image": "a:0"}]}
    assert made["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "3", NOTES: "[]", "cause": "then"}
    assert labels == {"app": "web", "pod-template-hash": "6b9"}


def test_an_undo_to_what_is_there_already_changes_nothing_and_says_so() -> None:
    item = a_workload()
    template = copy.deepcopy(item["spec"]["template"])
    template["metadata"]["creationTimestamp"] = None

    with pytest.raises(PreconditionFailed, match="has the template of revision 2 already"):
        done(UNDO, item, more=Revision(2, template))


@pytest.mark.parametrize("operation", [EACH, UNDO, patch('{"spec":{"replicas":3}}')])
def test_an_effect_raises_nothing_but_our_errors_where_an_object_lacks_everything(operation: Operation) -> None:
    bare: Json = {"metadata": {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7"}, "spec": {}}
    try:
        done(operation, bare, waits("app"), more=Revision(1, {"spec": {}}), fallback_image="f:1")
    except RunmendError:
        return
