"""Creating, reading and deleting: codes and bodies."""

import re

import pytest

from tests.cluster.api import (
    Cluster,
    Json,
    Namespace,
    a_container,
    a_deployment,
    a_pod,
    a_pull_secret,
    a_template,
    eventually,
)


def test_a_created_object_has_identity_and_defaults(namespace: Namespace) -> None:
    made = namespace.create("deployments", a_deployment(replicas=0))

    assert (made["kind"], made["apiVersion"]) == ("Deployment", "apps/v1")
    metadata = made["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["generation"] == 1
    assert metadata["resourceVersion"].isdigit()
    spec = made["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert (spec["progressDeadlineSeconds"], spec["revisionHistoryLimit"]) == (600, 10)
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], pod["dnsPolicy"]) == ("Always", "ClusterFirst")
    assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize(
    ("image", "policy"),
    [("web", "Always"), ("web:latest", "Always"), ("web:1", "IfNotPresent"), ("host:5000/web", "Always")],
)
def test_an_image_without_a_fixed_tag_is_always_pulled(namespace: Namespace, image: str, policy: str) -> None:
    made = namespace.create("deployments", a_deployment(image=image, replicas=0), dryRun="All")

    assert made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_a_list_has_items_without_kind_and_a_version_of_its_own(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=0))

    answer = namespace.http.get(namespace.path("deployments")).json()

    assert (answer["kind"], answer["apiVersion"]) == ("DeploymentList", "apps/v1")
    assert answer["metadata"]["resourceVersion"].isdigit()
    assert [item["metadata"]["name"] for item in answer["items"]] == ["web"]
    assert "kind" not in answer["items"][0]


def test_a_list_over_all_namespaces_has_those_of_this_one(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=0))

    items = namespace.http.get("/apis/apps/v1/deployments").json()["items"]

    assert (namespace.name, "web") in {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items}


def test_a_list_in_a_namespace_that_is_not_there_is_empty(cluster: Cluster) -> None:
    answer = cluster.http.get("/api/v1/namespaces/none/pods")

    assert (answer.status_code, answer.json()["items"]) == (200, [])


@pytest.mark.parametrize(
    ("kind", "message", "details"),
    [
        ("pods", 'pods "none" not found', {"name": "none", "kind": "pods"}),
        ("secrets", 'secrets "none" not found', {"name": "none", "kind": "secrets"}),
        ("deployments", 'deployments.apps "none" not found', {"name": "none", "group": "apps", "kind": "deployments"}),
        (
            "statefulsets",
            'statefulsets.apps "none" not found',
            {"name": "none", "group": "apps", "kind": "statefulsets"},
        ),
        ("jobs", 'jobs.batch "none" not found', {"name": "none", "group": "batch", "kind": "jobs"}),
    ],
)
def test_what_is_not_there_is_404(namespace: Namespace, kind: str, message: str, details: Json) -> None:
    expected = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "NotFound",
        "details": details,
        "code": 404,
    }
    for answer in (
        namespace.http.get(namespace.path(kind, "none")),
        namespace.http.delete(namespace.path(kind, "none")),
        namespace.try_patch(kind, "none", {"metadata": {"labels": {"a": "b"}}}),
    ):
        assert answer.status_code == 404
        assert answer.json() == expected


def test_a_second_object_of_a_name_is_409(namespace: Namespace) -> None:
    namespace.create("secrets", {"metadata": {"name": "one"}})

    answer = namespace.http.post(namespace.path("secrets"), json={"metadata": {"name": "one"}})

    assert answer.status_code == 409
    body = answer.json()
    assert (body["reason"], body["message"]) == ("AlreadyExists", 'secrets "one" already exists')
    assert body["details"] == {"name": "one", "kind": "secrets"}


def test_a_name_is_generated(namespace: Namespace) -> None:
    made = namespace.create("secrets", {"metadata": {"generateName": "some-"}})

    assert re.fullmatch(r"some-[a-z0-9]{5}", made["metadata"]["name"])


def test_nothing_is_created_in_a_namespace_that_is_not_there(cluster: Cluster) -> None:
    answer = cluster.http.post("/api/v1/namespaces/none/pods", json=a_pod("web"))

    assert (answer.status_code, answer.json()["message"]) == (404, 'namespaces "none" not found')


def test_the_namespace_of_a_body_must_be_that_of_the_path(namespace: Namespace) -> None:
    answer = namespace.http.post(namespace.path("secrets"), json={"metadata": {"name": "one", "namespace": "other"}})

    assert answer.status_code == 400
    assert (
        answer.json()["message"]
        == "the namespace of the provided object does not match the namespace sent on the request"
    )


def test_a_body_of_another_kind_is_400(namespace: Namespace) -> None:
    body = a_deployment() | {"kind": "Deployment", "apiVersion": "apps/v1"}

    answer = namespace.http.post(namespace.path("pods"), json=body)

    assert answer.status_code == 400
    assert answer.json()["reason"] == "BadRequest"
    assert "cannot be handled as a Pod" in answer.json()["message"]


def test_a_body_that_is_no_json_is_400(namespace: Namespace) -> None:
    answer = namespace.http.post(namespace.path("pods"), content="{", headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith(
        "the object provided is unrecognized (must be of type Pod): couldn't get version/kind;"
    )


def test_a_body_of_an_unknown_format_is_415(namespace: Namespace) -> None:
    answer = namespace.http.post(namespace.path("pods"), content="{}", headers={"Content-Type": "text/plain"})

    assert (answer.status_code, answer.json()["reason"]) == (415, "UnsupportedMediaType")
    assert answer.json()["message"].startswith(
        "the body of the request was in an unknown format - accepted media types include: application/json"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "web"}, "spec": []},
        {"metadata": {"name": 5}},
        {"metadata": {"name": "web", "labels": {"a": 1}}},
        {"metadata": {"name": "web"}, "spec": {"containers": "app"}},
        {"metadata": {"name": "web"}, "spec": {"containers": ["app"]}},
        [],
    ],
)
def test_a_body_of_the_wrong_shape_is_400(namespace: Namespace, body: object) -> None:
    answer = namespace.http.post(namespace.path("pods"), json=body)

    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


def test_a_deployment_of_nothing_is_422(namespace: Namespace) -> None:
    answer = namespace.http.post(namespace.path("deployments"), json={"metadata": {"name": "web"}})

    assert answer.status_code == 422
    causes = ["spec.selector", "spec.template.metadata.labels", "spec.template.spec.containers"]
    assert [cause["field"] for cause in answer.json()["details"]["causes"]] == causes


def test_a_dry_run_creates_nothing(namespace: Namespace) -> None:
    made = namespace.create("deployments", a_deployment(), dryRun="All")

    assert made["metadata"]["uid"]
    assert namespace.http.get(namespace.path("deployments", "web")).status_code == 404


def test_a_dry_run_deletes_nothing(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=0))

    answer = namespace.http.delete(namespace.path("deployments", "web"), params={"dryRun": "All"})

    assert (answer.status_code, answer.json()["status"]) == (200, "Success")
    namespace.get("deployments", "web")


def test_a_deletion_is_answered_by_a_status(namespace: Namespace) -> None:
    made = namespace.create("secrets", {"metadata": {"name": "one"}})

    answer = namespace.http.delete(namespace.path("secrets", "one"))

    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "one", "kind": "secrets", "uid": made["metadata"]["uid"]},
    }
    assert namespace.http.get(namespace.path("secrets", "one")).status_code == 404


@pytest.mark.parametrize(
    ("preconditions", "why"),
    [
        ({"uid": "another"}, "the UID in the precondition (another)"),
        ({"resourceVersion": "1"}, "the ResourceVersion in the precondition (1)"),
    ],
)
def test_a_deletion_of_something_else_is_409(namespace: Namespace, preconditions: Json, why: str) -> None:
    namespace.create("deployments", a_deployment(replicas=0))

    answer = namespace.http.request(
        "DELETE", namespace.path("deployments", "web"), json={"preconditions": preconditions}
    )

    assert answer.status_code == 409
    body = answer.json()
    assert body["reason"] == "Conflict"
    assert body["message"].startswith(f'Operation cannot be fulfilled on Deployment.apps "web": {why} does not match')


def test_a_secret_s_plain_data_is_stored_encoded(namespace: Namespace) -> None:
    made = namespace.create("secrets", {"metadata": {"name": "one"}, "stringData": {"key": "value"}})

    assert made["data"] == {"key": "dmFsdWU="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


@pytest.mark.parametrize("data", [{}, {".dockerconfigjson": "eA=="}])
def test_a_pull_secret_must_hold_a_docker_config(namespace: Namespace, data: Json) -> None:
    secret = {"metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson", "data": data}

    answer = namespace.http.post(namespace.path("secrets"), json=secret)

    assert answer.status_code == 422
    assert answer.json()["details"]["causes"][0]["field"] == "data[.dockerconfigjson]"


def test_data_that_is_not_base64_is_400(namespace: Namespace) -> None:
    answer = namespace.http.post(namespace.path("secrets"), json={"metadata": {"name": "one"}, "data": {"key": "!!"}})

    assert answer.status_code == 400
    assert (
        answer.json()["message"]
        == 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0'
    )


SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def test_an_invalid_name_is_422_with_its_cause(namespace: Namespace) -> None:
    answer = namespace.http.post(namespace.path("pods"), json=a_pod("Bad_Name"))

    assert answer.status_code == 422
    message = f'Invalid value: "Bad_Name": {SUBDOMAIN}'
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'Pod "Bad_Name" is invalid: metadata.name: {message}',
        "reason": "Invalid",
        "details": {
            "name": "Bad_Name",
            "kind": "Pod",
            "causes": [{"reason": "FieldValueInvalid", "message": message, "field": "metadata.name"}],
        },
        "code": 422,
    }


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (a_template(containers=[]), "spec.template.spec.containers: Required value"),
        (
            a_template(containers=[a_container("app", "a:1"), a_container("app", "b:1")]),
            'spec.template.spec.containers[1].name: Duplicate value: "app"',
        ),
        (
            a_template(initContainers=[a_container("app", "a:1")]),
            'spec.template.spec.initContainers[0].name: Duplicate value: "app"',
        ),
        (
            a_template(label="other"),
            (
                'spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match '
                "template `labels`"
            ),
        ),
    ],
)
def test_an_invalid_template_is_422(namespace: Namespace, template: Json, why: str) -> None:
    answer = namespace.http.post(namespace.path("deployments"), json=a_deployment(template=template))

    assert answer.status_code == 422
    assert answer.json()["message"] == f'Deployment.apps "web" is invalid: {why}'


def test_several_causes_are_all_told(namespace: Namespace) -> None:
    answer = namespace.http.post(namespace.path("pods"), json={"metadata": {}, "spec": {}})

    assert answer.status_code == 422
    why = "[metadata.name: Required value: name or generateName is required, spec.containers: Required value]"
    assert answer.json()["message"] == f'Pod "" is invalid: {why}'


def test_a_new_namespace_has_its_service_account_and_a_deleted_one_is_emptied(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        assert namespace.names("serviceaccounts") == ["default"]
        made = cluster.http.get(f"/api/v1/namespaces/{namespace.name}").json()
        assert made["status"] == {"phase": "Active"}
        assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace.name}
        namespace.create("secrets", a_pull_secret())

        answer = cluster.http.delete(f"/api/v1/namespaces/{namespace.name}").json()

        assert answer["status"] == {"phase": "Terminating"}
        assert "deletionTimestamp" in answer["metadata"]
        eventually(lambda: cluster.http.get(f"/api/v1/namespaces/{namespace.name}").status_code == 404)
        assert namespace.names("secrets") == []


def test_a_namespace_that_ends_takes_nothing_new(namespace: Namespace) -> None:
    namespace.create("pods", a_pod("stays"))
    eventually(lambda: namespace.get("pods", "stays")["spec"].get("nodeName"))
    namespace.http.delete(f"/api/v1/namespaces/{namespace.name}")

    answer = namespace.http.post(namespace.path("pods"), json=a_pod("late"))

    assert answer.status_code == 403
    why = f"unable to create new content in namespace {namespace.name} because it is being terminated"
    assert answer.json()["message"] == f'pods "late" is forbidden: {why}'
    assert answer.json()["reason"] == "Forbidden"


def test_a_second_namespace_of_a_name_is_409(namespace: Namespace) -> None:
    answer = namespace.http.post("/api/v1/namespaces", json={"metadata": {"name": namespace.name}})

    assert (answer.status_code, answer.json()["message"]) == (409, f'namespaces "{namespace.name}" already exists')


@pytest.mark.parametrize("kind", ["statefulsets", "daemonsets"])
def test_other_workloads_are_stored_and_patched(namespace: Namespace, kind: str) -> None:
    template = a_template(nodeSelector={"no": "node"})
    namespace.create(
        kind, {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}}
    )

    patched = namespace.patch(
        kind, "web", {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "b:2"}]}}}}
    )

    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == "b:2"
    assert patched["metadata"]["generation"] == 2
    assert namespace.http.delete(namespace.path(kind, "web")).status_code == 200


def test_a_job_is_stored(namespace: Namespace) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [a_container("app", "a:1")]}}
    namespace.create("jobs", {"metadata": {"name": "once"}, "spec": {"suspend": True, "template": template}})

    assert namespace.names("jobs") == ["once"]
    assert namespace.get("jobs", "once")["apiVersion"] == "batch/v1"


def test_a_service_account_s_pull_secrets_are_copied_into_its_new_pods(namespace: Namespace) -> None:
    namespace.patch("serviceaccounts", "default", {"imagePullSecrets": [{"name": "pull"}]})

    made = namespace.create("pods", a_pod("web"))

    assert made["spec"]["serviceAccountName"] == "default"
    assert made["spec"]["imagePullSecrets"] == [{"name": "pull"}]


def test_a_pod_of_an_unknown_service_account_is_forbidden(namespace: Namespace) -> None:
    pod = a_pod("web")
    pod["spec"]["serviceAccountName"] = "none"

    answer = namespace.http.post(namespace.path("pods"), json=pod)

    assert answer.status_code == 403
    why = f'error looking up service account {namespace.name}/none: serviceaccount "none" not found'
    assert answer.json()["message"] == f'pods "web" is forbidden: {why}'
