"""The Deployment controller: what it rolls out, what it keeps, and what it says about it."""

import re

import pytest

from tests.cluster.api import (
    Json,
    Namespace,
    a_container,
    a_deployment,
    a_pod,
    a_template,
    eventually,
    image_patch,
    template_patch,
)

GOOD = "registry.example/web:1"
BETTER = "registry.example/web:2"
MISSING = "registry.example/web:missing"
REVISION = "deployment.kubernetes.io/revision"


def rolled_out(namespace: Namespace, name: str = "web") -> Json:
    """The Deployment, once its newest revision is all there is and available."""

    def look() -> Json | None:
        deployment = namespace.get("deployments", name)
        status, wanted = deployment["status"], deployment["spec"]["replicas"]
        counts = {
            status.get(field, 0) for field in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        }
        seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
        return (
            deployment
            if seen and counts == {wanted} and condition(deployment, "Progressing")["status"] == "True"
            else None
        )

    done = eventually(look)
    assert done is not None
    return done


def stuck(namespace: Namespace, updated: int) -> Json:
    """The Deployment, once so many pods of its newest revision are there, and one of them waits for its image."""

    def look() -> Json | None:
        deployment = namespace.get("deployments", "web")
        status = deployment["status"]
        fresh = (
            status.get("observedGeneration") == deployment["metadata"]["generation"]
            and status.get("updatedReplicas") == updated
        )
        return deployment if fresh and waiting_for_images(namespace) >= updated else None

    done = eventually(look)
    assert done is not None
    return done


def waiting_for_images(namespace: Namespace) -> int:
    """How many pods wait for an image that cannot be pulled."""
    return sum(
        any(
            status["state"].get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")
            for status in pod["status"].get("containerStatuses", [])
        )
        for pod in living(namespace)
    )


def living(namespace: Namespace) -> list[Json]:
    """The pods that are not being deleted."""
    return [pod for pod in namespace.items("pods") if "deletionTimestamp" not in pod["metadata"]]


def images(namespace: Namespace) -> list[str]:
    """The images of the living pods."""
    return sorted(pod["spec"]["containers"][0]["image"] for pod in living(namespace))


def condition(deployment: Json, kind: str) -> Json:
    """One condition of a Deployment, or nothing."""
    conditions: list[Json] = deployment["status"].get("conditions", [])
    return next((found for found in conditions if found["type"] == kind), {"status": None})


def told(deployment: Json, kind: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition."""
    found = condition(deployment, kind)
    return found["status"], found["reason"], found["message"]


def replica_sets(namespace: Namespace) -> dict[str, Json]:
    """The ReplicaSets by the image of their template."""
    return {
        found["spec"]["template"]["spec"]["containers"][-1]["image"]: found for found in namespace.items("replicasets")
    }


def test_a_selector_may_be_of_expressions_alone(namespace: Namespace) -> None:
    expressions = [
        {"key": "app", "operator": "In", "values": ["web", "api"]},
        {"key": "tier", "operator": "NotIn", "values": ["back"]},
        {"key": "app", "operator": "Exists"},
        {"key": "canary", "operator": "DoesNotExist"},
    ]
    namespace.create("deployments", a_deployment(image=GOOD, selector={"matchExpressions": expressions}))

    rolled_out(namespace)

    (replica_set,) = namespace.items("replicasets")
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    selector = {"matchExpressions": expressions, "matchLabels": {"pod-template-hash": digest}}
    assert replica_set["spec"]["selector"] == selector


@pytest.mark.parametrize(
    "expression",
    [
        {"key": "app", "operator": "In", "values": ["api"]},
        {"key": "tier", "operator": "In", "values": ["front"]},
        {"key": "app", "operator": "NotIn", "values": ["web"]},
        {"key": "tier", "operator": "Exists"},
        {"key": "app", "operator": "DoesNotExist"},
    ],
    ids=str,
)
def test_a_selector_s_expressions_must_take_the_template(namespace: Namespace, expression: Json) -> None:
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": [expression]}

    answer = namespace.http.post(namespace.path("deployments"), json=a_deployment(selector=selector))

    assert answer.status_code == 422
    assert "`selector` does not match template `labels`" in answer.json()["message"]


def test_a_deployment_makes_a_replica_set_that_makes_pods(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, replicas=2))

    deployment = rolled_out(namespace)

    (replica_set,) = namespace.items("replicasets")
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{digest}"
    assert replica_set["metadata"]["labels"] == {"app": "web", "pod-template-hash": digest}
    assert replica_set["spec"]["selector"] == {"matchLabels": {"app": "web", "pod-template-hash": digest}}
    assert replica_set["spec"]["template"]["metadata"]["labels"] == {"app": "web", "pod-template-hash": digest}
    (owner,) = replica_set["metadata"]["ownerReferences"]
    uid = deployment["metadata"]["uid"]
    flags = {"controller": True, "blockOwnerDeletion": True}
    assert owner == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid, **flags}
    assert replica_set["metadata"]["annotations"][REVISION] == deployment["metadata"]["annotations"][REVISION] == "1"
    assert replica_set["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"] == "2"
    for pod in living(namespace):
        assert re.fullmatch(rf"web-{digest}-[a-z0-9]{{5}}", pod["metadata"]["name"])
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": digest}
        owner = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": f"web-{digest}",
            "uid": replica_set["metadata"]["uid"],
        }
        assert pod["metadata"]["ownerReferences"] == [owner | flags]


def test_a_finished_rollout_says_so(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, replicas=2))

    deployment = eventually(
        lambda: (
            found
            if condition(found := rolled_out(namespace), "Progressing")["reason"] == "NewReplicaSetAvailable"
            else None
        )
    )

    assert deployment is not None
    (name,) = namespace.names("replicasets")
    assert told(deployment, "Available") == ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    assert told(deployment, "Progressing") == (
        "True",
        "NewReplicaSetAvailable",
        f'ReplicaSet "{name}" has successfully progressed.',
    )
    assert "unavailableReplicas" not in deployment["status"]
    events = {(event["reason"], event["message"]) for event in namespace.events_of("web")}
    assert events == {("ScalingReplicaSet", f"Scaled up replica set {name} from 0 to 2")}
    made = {event["message"] for event in namespace.events_of(name) if event["reason"] == "SuccessfulCreate"}
    assert made == {f"Created pod: {pod}" for pod in namespace.names("pods")}


def test_a_new_image_replaces_every_pod(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, replicas=2))
    rolled_out(namespace)
    before = {pod["metadata"]["uid"] for pod in living(namespace)}

    namespace.patch("deployments", "web", image_patch(BETTER))
    deployment = rolled_out(namespace)

    assert images(namespace) == [BETTER, BETTER]
    assert not before & {pod["metadata"]["uid"] for pod in living(namespace)}
    assert deployment["metadata"]["annotations"][REVISION] == "2"
    sets = replica_sets(namespace)
    assert {image: found["spec"]["replicas"] for image, found in sets.items()} == {GOOD: 0, BETTER: 2}
    assert sets[BETTER]["metadata"]["annotations"][REVISION] == "2"


def test_a_rollout_that_takes_too_long_says_so(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=MISSING, replicas=2, progressDeadlineSeconds=2))

    deployment = eventually(
        lambda: (
            found
            if condition(found := namespace.get("deployments", "web"), "Progressing")["status"] == "False"
            else None
        )
    )

    assert deployment is not None
    (name,) = namespace.names("replicasets")
    assert told(deployment, "Progressing") == (
        "False",
        "ProgressDeadlineExceeded",
        f'ReplicaSet "{name}" has timed out progressing.',
    )
    assert told(deployment, "Available") == (
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    )
    assert deployment["status"]["unavailableReplicas"] == 2
    assert "availableReplicas" not in deployment["status"]


def test_a_pod_is_available_when_it_has_been_ready_for_long_enough(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, minReadySeconds=4))

    young = eventually(
        lambda: found if (found := namespace.get("deployments", "web"))["status"].get("readyReplicas") else None
    )
    old = eventually(
        lambda: found if (found := namespace.get("deployments", "web"))["status"].get("availableReplicas") else None
    )

    assert young is not None
    assert old is not None
    assert young["status"]["unavailableReplicas"] == 1
    assert told(young, "Available")[:2] == ("False", "MinimumReplicasUnavailable")
    assert told(old, "Available")[:2] == ("True", "MinimumReplicasAvailable")
    assert old["status"]["readyReplicas"] == 1


def test_a_fixed_image_replaces_the_broken_pods(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=MISSING, replicas=2))
    stuck(namespace, 2)

    namespace.patch("deployments", "web", image_patch(GOOD))
    rolled_out(namespace)

    assert images(namespace) == [GOOD, GOOD]


def test_an_earlier_template_takes_up_its_replica_set_again(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, replicas=2))
    rolled_out(namespace)
    first = replica_sets(namespace)[GOOD]["metadata"]["uid"]
    namespace.patch("deployments", "web", image_patch(MISSING))
    stuck(namespace, 1)

    namespace.patch("deployments", "web", image_patch(GOOD))
    deployment = rolled_out(namespace)

    again = replica_sets(namespace)[GOOD]["metadata"]
    assert again["uid"] == first
    assert again["annotations"][REVISION] == deployment["metadata"]["annotations"][REVISION] == "3"
    assert again["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert images(namespace) == [GOOD, GOOD]


def test_a_second_template_replaces_a_broken_one(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, replicas=3))
    rolled_out(namespace)
    namespace.patch("deployments", "web", image_patch(MISSING))
    stuck(namespace, 1)

    namespace.patch("deployments", "web", image_patch(BETTER))
    deployment = rolled_out(namespace)

    assert deployment["metadata"]["annotations"][REVISION] == "3"
    assert images(namespace) == [BETTER] * 3


def test_a_paused_deployment_rolls_nothing_out_until_it_is_resumed(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD))
    rolled_out(namespace)

    namespace.patch("deployments", "web", {"spec": {"paused": True}})
    patched = namespace.patch("deployments", "web", image_patch(BETTER))
    paused = eventually(
        lambda: (
            found
            if (found := namespace.get("deployments", "web"))["status"].get("observedGeneration")
            == patched["metadata"]["generation"]
            else None
        )
    )

    assert paused is not None
    assert told(paused, "Progressing") == ("Unknown", "DeploymentPaused", "Deployment is paused")
    assert "updatedReplicas" not in paused["status"]
    assert paused["status"]["availableReplicas"] == 1
    assert len(namespace.items("replicasets")) == 1
    assert images(namespace) == [GOOD]

    namespace.patch("deployments", "web", {"spec": {"paused": None}})
    rolled_out(namespace)

    assert images(namespace) == [BETTER]


def test_the_image_that_is_there_already_rolls_nothing_out(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD))
    rolled_out(namespace)
    before = namespace.names("pods")

    patched = namespace.patch(
        "deployments", "web", image_patch(GOOD) | {"metadata": {"annotations": {"example.test/run": "1"}}}
    )
    deployment = rolled_out(namespace)

    assert patched["metadata"]["generation"] == deployment["status"]["observedGeneration"] == 2
    assert namespace.names("pods") == before
    assert len(namespace.items("replicasets")) == 1
    assert deployment["metadata"]["annotations"][REVISION] == "1"


def test_an_annotation_is_copied_to_the_replica_set_and_not_to_the_pods(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD))
    rolled_out(namespace)

    namespace.patch("deployments", "web", {"metadata": {"annotations": {"example.test/run": "1"}}})

    eventually(lambda: replica_sets(namespace)[GOOD]["metadata"]["annotations"].get("example.test/run") == "1")
    assert all("example.test/run" not in pod["metadata"].get("annotations", {}) for pod in living(namespace))


def test_it_scales_up_and_down(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, replicas=1))
    rolled_out(namespace)
    (kept,) = namespace.names("pods")

    namespace.patch("deployments", "web", {"spec": {"replicas": 3}})
    rolled_out(namespace)
    assert kept in namespace.names("pods")

    namespace.patch("deployments", "web", {"spec": {"replicas": 0}})
    rolled_out(namespace)
    assert living(namespace) == []
    (name,) = namespace.names("replicasets")
    messages = {event["message"] for event in namespace.events_of("web")}
    assert messages >= {f"Scaled up replica set {name} from 1 to 3", f"Scaled down replica set {name} from 3 to 0"}


def test_a_deleted_pod_is_replaced(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD))
    rolled_out(namespace)
    (before,) = namespace.names("pods")

    answer = namespace.http.delete(namespace.path("pods", before))

    assert answer.json()["metadata"]["deletionGracePeriodSeconds"] == 1
    assert "deletionTimestamp" in answer.json()["metadata"]
    eventually(lambda: before not in namespace.names("pods"))
    rolled_out(namespace)
    assert len(living(namespace)) == 1


def test_a_deleted_deployment_takes_its_pods_with_it(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD, replicas=2))
    rolled_out(namespace)

    answer = namespace.http.delete(namespace.path("deployments", "web"))

    assert answer.json()["status"] == "Success"
    eventually(lambda: not namespace.items("replicasets") and not namespace.items("pods"))


def test_an_unknown_container_is_rolled_out_with_the_rest(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(image=GOOD))
    rolled_out(namespace)

    namespace.patch("deployments", "web", image_patch("registry.example/side:1", "side"))
    rolled_out(namespace)

    (pod,) = living(namespace)
    assert [container["name"] for container in pod["spec"]["containers"]] == ["side", "app"]


def test_one_of_two_broken_containers_patched_leaves_the_pod_pending(namespace: Namespace) -> None:
    template = a_template(containers=[a_container("one", MISSING), a_container("two", MISSING)])
    namespace.create("deployments", a_deployment(template=template))
    stuck(namespace, 1)

    namespace.patch("deployments", "web", template_patch(containers=[{"name": "one", "image": GOOD}]))

    def half_way() -> Json | None:
        fresh = [pod for pod in living(namespace) if pod["spec"]["containers"][0]["image"] == GOOD]
        states = {status["name"]: status for pod in fresh for status in pod["status"].get("containerStatuses", [])}
        if not states or "running" not in states["one"]["state"]:
            return None
        return (
            fresh[0]
            if states["two"]["state"].get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")
            else None
        )

    pod = eventually(half_way)
    assert pod is not None
    assert pod["status"]["phase"] == "Pending"


def test_a_replica_set_of_no_deployment_keeps_its_pods_too(namespace: Namespace) -> None:
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": a_template(GOOD)}
    made = namespace.create("replicasets", {"metadata": {"name": "bare"}, "spec": spec})

    eventually(lambda: namespace.get("replicasets", "bare")["status"].get("readyReplicas") == 1)

    (pod,) = living(namespace)
    assert pod["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert pod["metadata"]["name"].startswith("bare-")


def test_a_pod_that_has_ended_stays_and_gets_a_successor(namespace: Namespace) -> None:
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": a_template(nodeName="none")}
    namespace.create("replicasets", {"metadata": {"name": "bare"}, "spec": spec})
    (ended,) = eventually(lambda: namespace.names("pods"))

    namespace.patch("pods", f"{ended}/status", {"status": {"phase": "Failed", "reason": "Evicted"}})
    eventually(lambda: len(namespace.names("pods")) == 2)

    phases = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in namespace.items("pods")}
    assert phases.pop(ended) == "Failed"
    assert list(phases.values()) == ["Pending"]
    eventually(lambda: namespace.get("replicasets", "bare")["status"]["replicas"] == 1)


def test_a_pod_of_a_deleted_owner_goes_with_it(namespace: Namespace) -> None:
    template = a_template(nodeSelector={"no": "node"})
    selector = {"matchLabels": {"app": "web"}}
    owner = namespace.create(
        "statefulsets",
        {"metadata": {"name": "db"}, "spec": {"replicas": 0, "selector": selector, "template": template}},
    )
    pod = a_pod("owned")
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": owner["metadata"]["uid"]}
    pod["metadata"]["ownerReferences"] = [reference]
    pod["spec"]["terminationGracePeriodSeconds"] = 1
    namespace.create("pods", pod)

    namespace.http.delete(namespace.path("statefulsets", "db"))

    eventually(lambda: "owned" not in namespace.names("pods"))


def test_a_replica_set_whose_pods_are_refused_says_why_in_a_condition_and_in_events(namespace: Namespace) -> None:
    body = a_deployment()
    body["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    namespace.create("deployments", body)

    def refused() -> list[Json]:
        sets = namespace.items("replicasets")
        return [each for found in sets for each in found["status"].get("conditions", [])]

    (condition,) = eventually(refused)
    (replica_set,) = namespace.names("replicasets")

    assert (condition["type"], condition["status"], condition["reason"]) == ("ReplicaFailure", "True", "FailedCreate")
    why = f'error looking up service account {namespace.name}/nobody: serviceaccount "nobody" not found'
    assert condition["message"].endswith(f" is forbidden: {why}")
    assert condition["message"].startswith(f'pods "{replica_set}-')
    assert namespace.names("pods") == []
    told = eventually(lambda: [each for each in namespace.events_of(replica_set) if each["reason"] == "FailedCreate"])
    assert told[0]["message"].startswith(f'Error creating: pods "{replica_set}-')
