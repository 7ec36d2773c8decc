"""What a strategic merge patch says with more than values: null, and the directives that begin with a dollar sign."""

from collections.abc import Iterator

import pytest

from tests.cluster.api import MERGE, Cluster, Json, Namespace, a_deployment, template_patch

ANNOTATIONS = {"one": "1", "two": "2"}


@pytest.fixture(scope="module")
def web(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace with a paused Deployment, web, that no test changes: what a patch would make of it is only tried."""
    with cluster.namespace() as namespace:
        deployment = a_deployment(replicas=0, paused=True)
        deployment["metadata"] |= {"annotations": ANNOTATIONS, "labels": {"a": "b"}, "finalizers": ["example.test/x"]}
        namespace.create("deployments", deployment)
        yield namespace
        namespace.patch("deployments", "web", {"metadata": {"finalizers": None}})


def tried(namespace: Namespace, patch: Json, **how: str) -> Json:
    """The Deployment as a patch would make it."""
    return namespace.patch("deployments", "web", patch, dryRun="All", **how)


def refused(namespace: Namespace, patch: Json) -> tuple[int, str]:
    answer = namespace.try_patch("deployments", "web", patch, dryRun="All")
    return answer.status_code, answer.json()["message"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"one": None}, {"two": "2"}),
        ({"three": "3"}, {**ANNOTATIONS, "three": "3"}),
        ({}, ANNOTATIONS),
        (None, {}),
        ({"$patch": "replace", "three": "3"}, {"three": "3"}),
        ({"$patch": "delete"}, {}),
    ],
)
def test_annotations_are_added_replaced_and_deleted(web: Namespace, change: Json | None, left: Json) -> None:
    metadata = tried(web, {"metadata": {"annotations": change}})["metadata"]

    assert metadata.get("annotations", {}) == left
    assert ("annotations" in metadata) is bool(left)
    assert metadata["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"finalizers": ["example.test/y"]}, ["example.test/y", "example.test/x"]),
        ({"$deleteFromPrimitiveList/finalizers": ["example.test/x"]}, None),
        ({"finalizers": None}, None),
    ],
)
def test_a_list_of_words_is_added_to_and_taken_from(web: Namespace, change: Json, left: list[str] | None) -> None:
    assert tried(web, {"metadata": change})["metadata"].get("finalizers") == left


def test_a_json_merge_patch_knows_no_such_lists(web: Namespace) -> None:
    patched = tried(web, {"metadata": {"finalizers": ["example.test/y"]}}, content_type=MERGE)

    assert patched["metadata"]["finalizers"] == ["example.test/y"]


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "Recreate", "rollingUpdate": None},
        {"type": "Recreate", "$retainKeys": ["type"]},
        {"type": "Recreate", "$patch": "replace"},
    ],
)
def test_a_strategy_is_exchanged_as_a_whole(web: Namespace, strategy: Json) -> None:
    assert tried(web, {"spec": {"strategy": strategy}})["spec"]["strategy"] == {"type": "Recreate"}


def test_a_strategy_that_keeps_what_belongs_to_another_is_422(web: Namespace) -> None:
    why = "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"

    assert refused(web, {"spec": {"strategy": {"type": "Recreate"}}}) == (
        422,
        f'Deployment.apps "web" is invalid: {why}',
    )


def test_an_order_puts_new_containers_where_they_belong(web: Namespace) -> None:
    order = {"$setElementOrder/containers": [{"name": "side"}, {"name": "app"}]}

    spec = tried(web, template_patch(containers=[{"name": "side", "image": "s:1"}], **order))["spec"]["template"][
        "spec"
    ]

    assert [container["name"] for container in spec["containers"]] == ["side", "app"]
    assert not [key for key in spec if key.startswith("$")]


@pytest.mark.parametrize("containers", [[], [{"name": "none", "$patch": "delete"}], [{"name": "app"}]])
def test_a_list_that_says_nothing_of_a_container_leaves_it(web: Namespace, containers: list[Json]) -> None:
    before = web.get("deployments", "web")["spec"]

    assert tried(web, template_patch(containers=containers))["spec"] == before


def test_of_two_items_of_a_name_the_last_one_holds(web: Namespace) -> None:
    spec = tried(web, template_patch(containers=[{"name": "app", "image": "x:1"}, {"name": "app", "image": "y:1"}]))[
        "spec"
    ]

    assert [container["image"] for container in spec["template"]["spec"]["containers"]] == ["y:1"]


@pytest.mark.parametrize("containers", [None, [{"name": "app", "$patch": "delete"}], [{"$patch": "replace"}]])
def test_a_pod_without_a_container_is_422(web: Namespace, containers: list[Json] | None) -> None:
    why = "spec.template.spec.containers: Required value"

    assert refused(web, template_patch(containers=containers)) == (422, f'Deployment.apps "web" is invalid: {why}')


@pytest.mark.parametrize(
    ("patch", "where"),
    [
        ({"spec": {"$patch": "nope"}}, "nope in map: map[$patch:nope]"),
        ({"spec": {"$patch": "merge"}}, "merge in map: map[$patch:merge]"),
        (template_patch(containers=[{"name": "app", "$patch": "nope"}]), "nope in map: map[$patch:nope name:app]"),
    ],
)
def test_a_directive_that_there_is_not_is_500(web: Namespace, patch: Json, where: str) -> None:
    assert refused(web, patch) == (500, f"unknown patch type: {where}")
