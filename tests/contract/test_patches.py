"""What a patch does to an object, and which patches are refused."""

from typing import Any

import pytest

from tests.cluster.api import (
    MERGE,
    Json,
    Namespace,
    a_container,
    a_deployment,
    a_pod,
    a_template,
    image_patch,
    template_patch,
)


@pytest.fixture
def web(namespace: Namespace) -> Namespace:
    """A namespace with a Deployment, web, of no replicas."""
    namespace.create("deployments", a_deployment(replicas=0))
    return namespace


def pod_spec(namespace: Namespace, patch: Json, **how: str) -> Json:
    """The template's pod spec after a patch."""
    spec: Json = namespace.patch("deployments", "web", patch, **how)["spec"]["template"]["spec"]
    return spec


def refused(namespace: Namespace, patch: object, **how: str) -> tuple[int, str]:
    """Code and message of a patch that must not be accepted."""
    answer = namespace.try_patch("deployments", "web", patch, **how)
    assert answer.json()["kind"] == "Status"
    assert answer.json()["code"] == answer.status_code
    return answer.status_code, answer.json()["message"]


def test_a_container_is_merged_by_its_name(web: Namespace) -> None:
    containers = pod_spec(web, image_patch("b:2"))["containers"]

    assert [(container["name"], container["image"]) for container in containers] == [("app", "b:2")]
    assert containers[0]["terminationMessagePath"] == "/dev/termination-log"


def test_a_container_that_is_not_there_is_added_in_front(web: Namespace) -> None:
    containers = pod_spec(web, image_patch("side:1", "side"))["containers"]

    assert [container["name"] for container in containers] == ["side", "app"]


def test_containers_keep_their_order(web: Namespace) -> None:
    web.patch(
        "deployments",
        "web",
        template_patch(containers=[a_container("app", "a:1"), a_container("b", "b:1"), a_container("c", "c:1")]),
    )

    containers = pod_spec(
        web, template_patch(containers=[{"name": "c", "image": "c:2"}, {"name": "b", "image": "b:2"}])
    )["containers"]

    assert [(container["name"], container["image"]) for container in containers] == [
        ("app", "a:1"),
        ("c", "c:2"),
        ("b", "b:2"),
    ]


def test_a_container_is_deleted_by_a_directive(web: Namespace) -> None:
    web.patch("deployments", "web", image_patch("side:1", "side"))

    containers = pod_spec(web, template_patch(containers=[{"name": "side", "$patch": "delete"}]))["containers"]

    assert [container["name"] for container in containers] == ["app"]


def test_a_list_is_replaced_by_a_directive(web: Namespace) -> None:
    containers = pod_spec(web, template_patch(containers=[{"$patch": "replace"}, a_container("only", "z:1")]))[
        "containers"
    ]

    assert [container["name"] for container in containers] == ["only"]


def test_environment_and_ports_are_merged_by_their_keys(web: Namespace) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    ports = [{"containerPort": 80}, {"containerPort": 81, "name": "x"}]
    web.patch("deployments", "web", template_patch(containers=[{"name": "app", "env": env, "ports": ports}]))

    change = {
        "name": "app",
        "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
        "ports": [{"containerPort": 81, "name": "y"}],
    }
    container = pod_spec(web, template_patch(containers=[change]))["containers"][0]

    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]
    assert container["ports"] == [
        {"containerPort": 80, "protocol": "TCP"},
        {"name": "y", "containerPort": 81, "protocol": "TCP"},
    ]

    gone = {
        "name": "app",
        "env": [{"name": "A", "$patch": "delete"}],
        "ports": [{"containerPort": 80, "$patch": "delete"}],
    }
    container = pod_spec(web, template_patch(containers=[gone]))["containers"][0]

    assert container["env"] == [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]
    assert container["ports"] == [{"name": "y", "containerPort": 81, "protocol": "TCP"}]


def test_init_containers_volumes_and_pull_secrets_are_merged_by_name(web: Namespace) -> None:
    first = {
        "imagePullSecrets": [{"name": "a"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "initContainers": [a_container("i", "x:1")],
    }
    second = {
        "imagePullSecrets": [{"name": "b"}],
        "volumes": [{"name": "w", "emptyDir": {}}],
        "initContainers": [a_container("i", "y:1")],
    }
    web.patch("deployments", "web", template_patch(**first))

    spec = pod_spec(web, template_patch(**second))

    assert spec["imagePullSecrets"] == [{"name": "b"}, {"name": "a"}]
    assert [volume["name"] for volume in spec["volumes"]] == ["w", "v"]
    assert [container["image"] for container in spec["initContainers"]] == ["y:1"]


def test_null_removes(web: Namespace) -> None:
    web.patch(
        "deployments", "web", template_patch(imagePullSecrets=[{"name": "a"}], initContainers=[a_container("i", "x:1")])
    )

    spec = pod_spec(web, template_patch(imagePullSecrets=None, initContainers=None))

    assert "imagePullSecrets" not in spec
    assert "initContainers" not in spec


def test_a_json_merge_patch_replaces_lists_and_null_removes(web: Namespace) -> None:
    web.patch("deployments", "web", image_patch("side:1", "side"))
    web.patch("deployments", "web", {"metadata": {"labels": {"x": "1", "y": "2"}}})

    spec = pod_spec(web, template_patch(containers=[a_container("only", "z:1")]), content_type=MERGE)
    patched = web.patch("deployments", "web", {"metadata": {"labels": {"x": None}}}, content_type=MERGE)

    assert [container["name"] for container in spec["containers"]] == ["only"]
    assert patched["metadata"]["labels"] == {"y": "2"}


def test_the_conditions_of_a_status_are_merged_by_type(namespace: Namespace) -> None:
    namespace.create("pods", a_pod("web") | {"spec": {"containers": [a_container("app", "a:1")], "nodeName": "none"}})
    kinds = ("One", "Two")
    for kind in kinds:
        condition = {"type": kind, "status": "True"}
        namespace.patch("pods", "web/status", {"status": {"conditions": [condition], "message": "as told"}})

    status = namespace.patch("pods", "web/status", {"status": {"conditions": [{"type": "One", "status": "False"}]}})[
        "status"
    ]

    found = {condition["type"]: condition["status"] for condition in status["conditions"]}
    assert {kind: found[kind] for kind in kinds} == {"One": "False", "Two": "True"}
    assert status["message"] == "as told"


def test_a_patch_of_the_object_leaves_its_status_alone(namespace: Namespace) -> None:
    namespace.create("pods", a_pod("web") | {"spec": {"containers": [a_container("app", "a:1")], "nodeName": "none"}})

    patched = namespace.patch("pods", "web", {"metadata": {"labels": {"a": "b"}}, "status": {"message": "no"}})

    assert patched["metadata"]["labels"] == {"a": "b"}
    assert "message" not in patched["status"]


def test_a_patch_that_changes_nothing_is_not_written(namespace: Namespace) -> None:
    made = namespace.create("secrets", {"metadata": {"name": "one", "labels": {"a": "b"}}})

    patched = namespace.patch("secrets", "one", {"metadata": {"labels": {"a": "b"}}})

    assert patched["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_dry_run_answers_what_would_be_and_changes_nothing(web: Namespace) -> None:
    before = web.get("deployments", "web")

    answer = web.patch("deployments", "web", image_patch("b:2"), dryRun="All")

    assert answer["spec"]["template"]["spec"]["containers"][0]["image"] == "b:2"
    assert answer["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert web.get("deployments", "web")["spec"] == before["spec"]


def test_a_dry_run_finds_what_is_invalid(web: Namespace) -> None:
    code, message = refused(web, image_patch(""), dryRun="All")

    assert (code, message) == (
        422,
        'Deployment.apps "web" is invalid: spec.template.spec.containers[0].image: Required value',
    )


@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
def test_another_content_type_is_415(web: Namespace, content_type: str) -> None:
    assert refused(web, {}, content_type=content_type) == (415, "415: Unsupported Media Type")


def test_a_stale_resource_version_is_409(web: Namespace) -> None:
    answer = web.try_patch("deployments", "web", {"metadata": {"resourceVersion": "1", "annotations": {"a": "b"}}})

    assert answer.status_code == 409
    message = "the object has been modified; please apply your changes to the latest version and try again"
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'Operation cannot be fulfilled on deployments.apps "web": {message}',
        "reason": "Conflict",
        "details": {"name": "web", "group": "apps", "kind": "deployments"},
        "code": 409,
    }


def test_the_live_resource_version_is_accepted(namespace: Namespace) -> None:
    made = namespace.create("secrets", {"metadata": {"name": "one"}})
    version = {"resourceVersion": made["metadata"]["resourceVersion"], "uid": made["metadata"]["uid"]}

    patched = namespace.patch("secrets", "one", {"metadata": version | {"annotations": {"a": "b"}}})

    assert int(patched["metadata"]["resourceVersion"]) > int(version["resourceVersion"])


def test_the_uid_of_another_object_is_422(web: Namespace) -> None:
    code, message = refused(web, {"metadata": {"uid": "another", "annotations": {"a": "b"}}})

    assert (code, message) == (
        422,
        'Deployment.apps "web" is invalid: metadata.uid: Invalid value: "another": field is immutable',
    )


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"metadata": {"name": "other"}}, "the name of the object (other) does not match the name on the URL (web)"),
        (
            {"metadata": {"namespace": "other"}},
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        ("{", "unexpected end of JSON input"),
        ("[]", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ],
)
def test_a_patch_that_cannot_be_meant_is_400(web: Namespace, patch: object, message: str) -> None:
    assert refused(web, patch) == (400, message)


def test_an_item_without_its_key_is_500(web: Namespace) -> None:
    assert refused(web, template_patch(containers=[{"image": "x"}])) == (
        500,
        "map: map[image:x] does not contain declared merge key: name",
    )


LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
CONTAINER = "spec.template.spec.containers[0]"


@pytest.mark.parametrize(
    ("patch", "field", "why"),
    [
        (image_patch(""), f"{CONTAINER}.image", "Required value"),
        (template_patch(containers=[{"name": "new"}]), f"{CONTAINER}.image", "Required value"),
        (image_patch("a:1", "App"), f"{CONTAINER}.name", f'Invalid value: "App": {LABEL}'),
        ({"spec": {"replicas": -1}}, "spec.replicas", "Invalid value: -1: must be greater than or equal to 0"),
        (
            template_patch(
                containers=[{"name": "app", "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}}]
            ),
            f"{CONTAINER}.resources.requests",
            'Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi',
        ),
        (
            {"spec": {"template": {"metadata": {"labels": {"app": "z"}}}}},
            "spec.template.metadata.labels",
            'Invalid value: {"app":"z"}: `selector` does not match template `labels`',
        ),
    ],
)
def test_what_would_be_invalid_is_422(web: Namespace, patch: Json, field: str, why: str) -> None:
    answer = web.try_patch("deployments", "web", patch)

    assert answer.status_code == 422
    body = answer.json()
    assert (body["reason"], body["message"]) == ("Invalid", f'Deployment.apps "web" is invalid: {field}: {why}')
    assert {name: body["details"][name] for name in ("name", "group", "kind")} == {
        "name": "web",
        "group": "apps",
        "kind": "Deployment",
    }
    assert [(cause["field"], cause["message"]) for cause in body["details"]["causes"]] == [(field, why)]


def test_a_label_value_is_checked(namespace: Namespace) -> None:
    namespace.create("secrets", {"metadata": {"name": "one"}})

    answer = namespace.try_patch("secrets", "one", {"metadata": {"labels": {"a": "b c"}}})

    assert answer.status_code == 422
    assert f'metadata.labels: Invalid value: "b c": {VALUE}' in answer.json()["message"]


def test_an_init_container_put_under_containers_is_422(namespace: Namespace) -> None:
    namespace.create(
        "deployments", a_deployment(template=a_template(initContainers=[a_container("init", "i:1")]), replicas=0)
    )

    answer = namespace.try_patch("deployments", "web", image_patch("i:2", "init"))

    assert answer.status_code == 422
    why = 'spec.template.spec.initContainers[0].name: Duplicate value: "init"'
    assert answer.json()["message"] == f'Deployment.apps "web" is invalid: {why}'


def test_the_selector_is_immutable(web: Namespace) -> None:
    change: dict[str, Any] = {
        "selector": {"matchLabels": {"app": "z"}},
        "template": {"metadata": {"labels": {"app": "z"}}},
    }

    code, message = refused(web, {"spec": change})

    assert (code, message) == (
        422,
        (
            'Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"z"}}: field '
            "is immutable"
        ),
    )


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (template_patch(containers=[{"name": "app", "image": 5}]), "cannot convert int64 to string"),
        ({"metadata": {"labels": "x"}}, "cannot "),
        ({"metadata": {"annotations": {"a": 1}}}, "cannot "),
        ({"spec": "x"}, "cannot "),
        ({"spec": {"replicas": "x"}}, "unrecognized type: int32"),
        (
            template_patch(containers=[{"name": "app", "resources": {"limits": {"memory": "abc"}}}]),
            "quantities must match the regular expression",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_422(web: Namespace, patch: Json, why: str) -> None:
    code, message = refused(web, patch)

    assert code == 422
    assert message.startswith(' "" is invalid: patch: Invalid value: "map[')
    assert why in message


def test_a_pod_takes_another_image_and_little_else(namespace: Namespace) -> None:
    namespace.create("pods", a_pod("web"))

    patched = namespace.patch("pods", "web", {"spec": {"containers": [{"name": "app", "image": "b:2"}]}})
    more = namespace.try_patch("pods", "web", {"spec": {"containers": [{"name": "new", "image": "b:2"}]}})
    other = namespace.try_patch(
        "pods", "web", {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "1Gi"}}}]}}
    )

    assert patched["spec"]["containers"][0]["image"] == "b:2"
    assert more.status_code == other.status_code == 422
    assert (
        more.json()["message"]
        == 'Pod "web" is invalid: spec.containers: Forbidden: pod updates may not add or remove containers'
    )
    assert other.json()["message"].startswith(
        'Pod "web" is invalid: spec: Forbidden: pod updates may not change fields other than '
        "`spec.containers[*].image`,"
    )


def test_an_annotation_raises_the_generation_of_a_deployment_and_a_label_does_not(web: Namespace) -> None:
    before = web.get("deployments", "web")["metadata"]["generation"]

    annotated = web.patch("deployments", "web", {"metadata": {"annotations": {"example.test/run": "1"}}})
    labelled = web.patch("deployments", "web", {"metadata": {"labels": {"a": "b"}}})

    assert annotated["metadata"]["generation"] == before + 1
    assert labelled["metadata"]["generation"] == before + 1
