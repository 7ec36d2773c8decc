"""What comes with a write: a dry run, a manager's name, the version that it rests on; and what is told of one that
cannot be done."""

import pytest

from tests.cluster.api import Json, Namespace, a_deployment, a_pod, eventually, image_patch

BETTER = "example.test/web:2"


@pytest.fixture
def web(namespace: Namespace) -> Namespace:
    """A namespace with a Deployment, web, of no replicas."""
    namespace.create("deployments", a_deployment(replicas=0))
    return namespace


def refused(namespace: Namespace, patch: object, **how: str) -> tuple[int, str]:
    """Code and message of a patch that must not be accepted."""
    answer = namespace.try_patch("deployments", "web", patch, **how)
    return answer.status_code, answer.json()["message"]


def test_a_dry_run_writes_nothing_at_all(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment())
    eventually(lambda: "NewReplicaSetAvailable" in reasons(namespace))
    before, (pod,) = namespace.get("deployments", "web"), namespace.items("pods")

    tried = namespace.patch(
        "deployments", "web", image_patch(BETTER) | annotated("1"), dryRun="All", fieldManager="tester"
    )
    namespace.create("pods", a_pod("new"), dryRun="All")
    namespace.http.delete(namespace.path("pods", pod["metadata"]["name"]), params={"dryRun": "All"})
    # A change that is written afterwards, and that the controllers have acted on.
    namespace.patch("deployments", "web", annotated("2"))
    eventually(lambda: namespace.get("deployments", "web")["status"]["observedGeneration"] == 2)

    after = namespace.get("deployments", "web")
    assert tried["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert tried["metadata"]["generation"] == after["metadata"]["generation"] == 2
    assert "tester" in managers(tried)
    assert "tester" not in managers(after)
    assert after["spec"] == before["spec"]
    assert [
        (found["metadata"]["uid"], "deletionTimestamp" in found["metadata"]) for found in namespace.items("pods")
    ] == [(pod["metadata"]["uid"], False)]
    assert len(namespace.items("replicasets")) == 1


def reasons(namespace: Namespace) -> set[str]:
    return {condition["reason"] for condition in namespace.get("deployments", "web")["status"].get("conditions", [])}


def annotated(value: str) -> Json:
    return {"metadata": {"annotations": {"example.test/run": value}}}


def managers(deployment: Json) -> set[str]:
    return {entry["manager"] for entry in deployment["metadata"]["managedFields"]}


@pytest.mark.parametrize(
    ("kind", "name", "patch", "code", "reason"),
    [
        ("deployments", "none", image_patch(BETTER), 404, "NotFound"),
        ("deployments", "web", {"metadata": {"resourceVersion": "1"}} | image_patch(BETTER), 409, "Conflict"),
        ("deployments", "web", image_patch(""), 422, "Invalid"),
        ("deployments", "web", "[]", 400, "BadRequest"),
    ],
)
def test_a_dry_run_is_refused_as_the_write_would_be(
    web: Namespace, kind: str, name: str, patch: object, code: int, reason: str
) -> None:
    tried, done = (web.try_patch(kind, name, patch, **query) for query in ({"dryRun": "All"}, {}))

    assert (tried.status_code, tried.json()["reason"]) == (code, reason)
    assert tried.json() == done.json()


def test_a_dry_run_of_a_creation_is_admitted_or_refused_like_one(web: Namespace) -> None:
    lost = a_pod("new")
    lost["spec"]["serviceAccountName"] = "none"

    again = web.http.post(web.path("deployments"), json=a_deployment(), params={"dryRun": "All"})
    stranger = web.http.post(web.path("pods"), json=lost, params={"dryRun": "All"})

    assert (again.status_code, again.json()["reason"]) == (409, "AlreadyExists")
    assert (stranger.status_code, stranger.json()["reason"]) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("query", "field", "reason", "why"),
    [
        ({"dryRun": "x"}, "dryRun", "FieldValueNotSupported", 'Unsupported value: ["x"]: supported values: "All"'),
        ({"fieldManager": "x" * 129}, "fieldManager", "FieldValueTooLong", "Too long: may not be more than 128 bytes"),
    ],
)
def test_an_option_that_there_is_not_is_422_and_nothing_is_written(
    web: Namespace, query: dict[str, str], field: str, reason: str, why: str
) -> None:
    before = web.get("deployments", "web")["spec"]
    answers = {
        "PatchOptions": web.try_patch("deployments", "web", image_patch(BETTER), **query),
        "CreateOptions": web.http.post(web.path("deployments"), json=a_deployment("other"), params=query),
    }

    for kind, answer in answers.items():
        assert answer.status_code == 422
        assert answer.json()["message"] == f'{kind}.meta.k8s.io "" is invalid: {field}: {why}'
        causes = [{"reason": reason, "message": why, "field": field}]
        assert answer.json()["details"] == {"group": "meta.k8s.io", "kind": kind, "causes": causes}
    assert web.get("deployments", "web")["spec"] == before
    assert web.names("deployments") == ["web"]


@pytest.mark.parametrize("version", [None, "", "0"])
def test_a_patch_without_a_version_rests_on_whatever_is_there(web: Namespace, version: str | None) -> None:
    patched = web.patch("deployments", "web", {"metadata": {"resourceVersion": version}} | image_patch(BETTER))

    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == BETTER


def test_a_version_that_is_no_number_is_500(web: Namespace) -> None:
    patch = {"metadata": {"resourceVersion": "abc"}} | image_patch(BETTER)

    assert refused(web, patch) == (500, 'strconv.ParseUint: parsing "abc": invalid syntax')


def test_a_stale_version_is_409_though_nothing_would_change(web: Namespace) -> None:
    assert refused(web, {"metadata": {"resourceVersion": "1"}})[0] == 409


def test_a_patch_with_two_faults_is_told_both(web: Namespace) -> None:
    answer = web.try_patch("deployments", "web", {"spec": {"replicas": -1, **image_patch("")["spec"]}})

    first = ("spec.replicas", "Invalid value: -1: must be greater than or equal to 0", "FieldValueInvalid")
    second = ("spec.template.spec.containers[0].image", "Required value", "FieldValueRequired")
    body = answer.json()
    assert [(cause["field"], cause["message"], cause["reason"]) for cause in body["details"]["causes"]] == [
        first,
        second,
    ]
    assert body["message"] == f'Deployment.apps "web" is invalid: [{first[0]}: {first[1]}, {second[0]}: {second[1]}]'


PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({"maxSurge": "abc"}, f'maxSurge: Invalid value: "abc": {PERCENT}'),
        ({"maxSurge": -1}, "maxSurge: Invalid value: -1: must be greater than or equal to 0"),
        ({"maxUnavailable": "101%"}, 'maxUnavailable: Invalid value: "101%": must not be greater than 100%'),
        ({"maxSurge": 0, "maxUnavailable": 0}, "maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"),
        (
            {"maxSurge": 0, "maxUnavailable": "0%"},
            'maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
        ),
    ],
)
def test_the_bounds_of_a_rollout_are_checked(namespace: Namespace, bounds: Json, why: str) -> None:
    deployment = a_deployment(strategy={"type": "RollingUpdate", "rollingUpdate": bounds})

    answer = namespace.http.post(namespace.path("deployments"), json=deployment)

    assert answer.status_code == 422
    assert answer.json()["message"] == f'Deployment.apps "web" is invalid: spec.strategy.rollingUpdate.{why}'


@pytest.mark.parametrize(
    "bounds", [{"maxSurge": "250%"}, {"maxUnavailable": "100%"}, {"maxSurge": 0, "maxUnavailable": 1}]
)
def test_bounds_may_be_generous(namespace: Namespace, bounds: Json) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": bounds}

    made = namespace.create("deployments", a_deployment(strategy=strategy), dryRun="All")

    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"} | bounds


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"minReadySeconds": -1}, "minReadySeconds: Invalid value: -1: must be greater than or equal to 0"),
        (
            {"minReadySeconds": 9, "progressDeadlineSeconds": 9},
            "progressDeadlineSeconds: Invalid value: 9: must be greater than minReadySeconds",
        ),
    ],
)
def test_the_times_of_a_rollout_are_checked(web: Namespace, change: Json, why: str) -> None:
    assert refused(web, {"spec": change}) == (422, f'Deployment.apps "web" is invalid: spec.{why}')


@pytest.mark.parametrize(("field", "kind"), [("replicas", "int32"), ("minReadySeconds", "int32"), ("paused", "bool")])
def test_a_number_or_a_truth_that_is_a_text_is_422(web: Namespace, field: str, kind: str) -> None:
    code, message = refused(web, {"spec": {field: "x"}})

    assert (code, message) == (
        422,
        f' "" is invalid: patch: Invalid value: "map[spec:map[{field}:x]]": unrecognized type: {kind}',
    )


def test_a_field_that_is_set_to_null_has_its_default_again(web: Namespace) -> None:
    web.patch("deployments", "web", {"spec": {"progressDeadlineSeconds": 9, "replicas": 2}})

    spec = web.patch("deployments", "web", {"spec": {"progressDeadlineSeconds": None, "replicas": None}})["spec"]

    assert (spec["progressDeadlineSeconds"], spec["replicas"]) == (600, 1)


@pytest.mark.parametrize("image", [" b:1 ", "Upper/Case:1", "two words:1"])
def test_an_image_that_cannot_be_meant_is_accepted_all_the_same(web: Namespace, image: str) -> None:
    spec = web.patch("deployments", "web", image_patch(image), dryRun="All")["spec"]["template"]["spec"]

    assert spec["containers"][0]["image"] == image
