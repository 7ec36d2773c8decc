"""From the API's JSON to facts; what is missing is what Kubernetes means by its absence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.facts.object import Owner
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.kube import facts

Json = dict[str, Any]


def metadata(name: str = "web-1", **more: Any) -> Json:
    return {"namespace": "shop", "name": name, "uid": f"uid-{name}", "resourceVersion": "7", **more}


def a_pod(status: Json | None = None, **spec: Any) -> PodFacts:
    return facts.pod(
        {"metadata": metadata(), "spec": {"containers": [{"name": "app", "image": "a:1"}], **spec}, "status": status}
    )


def an_app(status: Json) -> ContainerFacts:
    (found,) = a_pod({"phase": "Running", "containerStatuses": [{"name": "app", **status}]}).containers
    return found


def managed(manager: str, time: str, *keys: str, listed: str = "f:containers") -> Json:
    owned: Json = {key: {"f:image": {}} for key in keys}
    return {"manager": manager, "time": time, "fieldsV1": {"f:spec": {"f:template": {"f:spec": {listed: owned}}}}}


def test_a_pod_that_no_kubelet_has_seen_waits_for_no_reason_given() -> None:
    pod = a_pod()

    assert (pod.phase, pod.node, pod.owner, pod.service_account, pod.pull_secrets) == ("", "", None, "default", ())
    assert pod.containers == (ContainerFacts(name="app", image="a:1", state="waiting"),)
    assert not pod.running
    assert pod.in_words == "web-1: Unknown, app waits (no reason given)"


def test_a_sidecar_counts_among_the_containers_and_an_init_container_that_ended_does_not() -> None:
    sidecar = {"name": "proxy", "image": "p:1", "restartPolicy": "Always"}
    inits = [{"name": "setup", "image": "s:1"}, sidecar]

    def a_pod_whose_proxy_is(state: Json, *, ready: bool) -> PodFacts:
        return a_pod(
            {
                "phase": "Running",
                "initContainerStatuses": [
                    {"name": "setup", "state": {"terminated": {"exitCode": 0}}, "ready": False},
                    {"name": "proxy", "state": state, "ready": ready},
                ],
                "containerStatuses": [{"name": "app", "state": {"running": {}}, "ready": True}],
            },
            initContainers=inits,
        )

    well = a_pod_whose_proxy_is({"running": {}}, ready=True)
    ended = a_pod_whose_proxy_is({"terminated": {"exitCode": 0, "reason": "Completed"}}, ready=False)

    assert [(c.name, c.init, c.sidecar, c.must_end) for c in well.containers] == [
        ("setup", True, False, True),
        ("proxy", True, True, False),
        ("app", False, False, False),
    ]
    assert (well.running, well.in_words) == (True, "web-1: Running")
    assert (ended.running, ended.in_words) == (False, "web-1: Running, proxy terminated (Completed)")


def test_a_deployment_tells_its_sidecars_from_its_init_containers() -> None:
    inits = [{"name": "setup", "image": "s:1"}, {"name": "proxy", "image": "p:1", "restartPolicy": "Always"}]
    found = facts.deployment(
        {
            "metadata": metadata(),
            "spec": {"template": {"spec": {"containers": [], "initContainers": inits}}},
        }
    )

    assert list(found.init_containers) == ["setup", "proxy"]
    assert found.sidecars == {"proxy"}


def test_init_containers_come_first_and_are_matched_to_their_own_statuses() -> None:
    status = {
        "initContainerStatuses": [{"name": "app", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
        "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": "x" * 999}}}],
    }
    init, app = a_pod(status, initContainers=[{"name": "app", "image": "i:1"}]).containers

    assert (init.init, init.image, init.state, init.reason, init.exit_code) == (
        True,
        "i:1",
        "terminated",
        "Completed",
        0,
    )
    assert (app.init, app.image, app.state, app.reason, len(app.message)) == (
        False,
        "a:1",
        "waiting",
        "ErrImagePull",
        300,
    )


def test_a_containers_image_is_the_specs_and_not_what_the_runtime_calls_it() -> None:
    assert an_app({"image": "docker.io/library/a:1", "state": {"running": {}}}).image == "a:1"


def test_a_restarted_container_keeps_how_it_died() -> None:
    app = an_app(
        {
            "state": {"running": {"startedAt": "x"}},
            "lastState": {"terminated": {"reason": "OOMKilled"}},
            "restartCount": 3,
            "ready": True,
            "started": True,
        }
    )

    assert (app.state, app.ready, app.started, app.restarts, app.last_termination) == (
        "running",
        True,
        True,
        3,
        "OOMKilled",
    )


@pytest.mark.parametrize(
    ("phase", "ready", "running"), [("Running", True, True), ("Running", False, False), ("Pending", True, False)]
)
def test_running_means_the_phase_and_every_container_ready(phase: str, *, ready: bool, running: bool) -> None:
    status = {"phase": phase, "containerStatuses": [{"name": "app", "state": {"running": {}}, "ready": ready}]}
    assert a_pod(status).running is running


def a_healthy_pod_with(**condition: str) -> PodFacts:
    """A pod whose containers are ready, with a condition that says otherwise."""
    status = {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}, "ready": True}]}
    return a_pod(status | {"conditions": [{"type": "Initialized", "status": "True"}, condition]})


def test_a_pod_on_a_node_that_died_does_not_run_although_its_containers_are_said_to_be_ready() -> None:
    # As the node controller writes it: no reason, no message.
    pod = a_healthy_pod_with(type="Ready", status="False", lastTransitionTime="2026-11-23T05:43:00Z")

    assert not pod.running
    assert pod.in_words == "web-1: Running, not ready since 2026-11-23T05:43:00Z"


def test_a_pod_whose_readiness_gate_is_shut_does_not_run_and_says_why() -> None:
    pod = a_healthy_pod_with(
        type="Ready", status="False", lastTransitionTime="t", reason="ReadinessGatesNotReady", message="no traffic"
    )

    assert not pod.running
    assert pod.in_words == "web-1: Running, not ready since t (no traffic)"


def test_a_pod_that_counts_as_ready_runs() -> None:
    pod = a_healthy_pod_with(type="Ready", status="True", lastTransitionTime="t")

    assert pod.running
    assert pod.in_words == "web-1: Running"


def test_what_a_container_waits_for_says_more_than_that_its_pod_is_not_ready() -> None:
    status = {
        "phase": "Pending",
        "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ErrImagePull"}}}],
    }
    pod = a_pod(status | {"conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]})

    assert pod.in_words == "web-1: Pending, app waits (ErrImagePull)"


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (
            {"message": "0/3 nodes are available: 3 node(s) were unschedulable. preemption: 0/3 nodes"},
            "3 node(s) were unschedulable)",
        ),
        ({"reason": "Unschedulable"}, "no node takes it (Unschedulable)"),
    ],
)
def test_a_pod_that_no_node_takes_says_why(condition: Json, says: str) -> None:
    pod = a_pod({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", **condition}]})

    assert pod.in_words.startswith("web-1: Pending, no node takes it (")
    assert pod.in_words.endswith(says)


def test_a_pod_that_is_being_deleted_does_not_run() -> None:
    status = {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}, "ready": True}]}
    pod = facts.pod(
        {
            "metadata": metadata(deletionTimestamp="x"),
            "spec": {"containers": [{"name": "app", "image": "a"}]},
            "status": status,
        }
    )
    assert (pod.deleting, pod.running) == (True, False)
    assert pod.in_words == "web-1: Terminating"


def test_only_the_controlling_owner_reference_counts() -> None:
    others = [
        {"kind": "Backup", "name": "b", "uid": "1"},
        {"kind": "Node", "name": "n", "uid": "2", "controller": False},
    ]
    controls = {"kind": "ReplicaSet", "name": "web-6b9", "uid": "3", "controller": True}

    assert facts.controller({"ownerReferences": others}) is None
    assert facts.controller({"ownerReferences": [*others, controls]}) == Owner(
        kind="ReplicaSet", name="web-6b9", uid="3"
    )
    assert facts.controller({"ownerReferences": None}) is None


def test_a_deployment_without_anything_optional_wants_one_replica() -> None:
    found = facts.deployment({"metadata": metadata("web")})

    assert (found.replicas, found.available, found.revision, found.paused) == (1, 0, 0, False)
    assert (found.generation, found.observed_generation) == (0, 0)
    assert (found.containers, found.init_containers, found.annotations) == ({}, {}, {})


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({}, 600),
        ({"progressDeadlineSeconds": 600}, 600),
        ({"progressDeadlineSeconds": 60}, 600),
        ({"progressDeadlineSeconds": 2**31 - 1}, 600),
        ({"progressDeadlineSeconds": 3600}, 3600),
        ({"minReadySeconds": 900, "progressDeadlineSeconds": 1000}, 1500),
        ({"minReadySeconds": 900, "progressDeadlineSeconds": 3600}, 3600),
        ({"minReadySeconds": 30, "replicas": 8, "strategy": {"type": "Recreate"}}, 630),
        ({"minReadySeconds": 30, "replicas": 8, "strategy": {"rollingUpdate": {}}}, 660),
        ({"minReadySeconds": 30, "replicas": 8, "strategy": {"rollingUpdate": {"maxSurge": 1}}}, 690),
        ({"minReadySeconds": 30, "replicas": 3, "strategy": {"rollingUpdate": {}}}, 690),
        (
            {"minReadySeconds": 30, "replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            720,
        ),
        ({"minReadySeconds": 36_000, "progressDeadlineSeconds": 86_400, "replicas": 9}, 43_200),
    ],
)
def test_a_rollout_is_waited_for_as_long_as_its_own_fields_say_that_nothing_is_wrong(
    spec: dict[str, Any], seconds: int
) -> None:
    assert facts.deployment({"metadata": metadata("web"), "spec": spec}).settles_within(600) == seconds


def test_a_deployment_whose_deletion_has_begun_says_so() -> None:
    held = {"metadata": metadata("web") | {"deletionTimestamp": "2026-11-28T17:00:00Z", "finalizers": ["a.test/b"]}}

    assert facts.deployment(held).deleting
    assert not facts.deployment({"metadata": metadata("web")}).deleting


def test_a_deployments_ready_pods_are_not_its_available_ones() -> None:
    found = facts.deployment({"metadata": metadata("web"), "status": {"readyReplicas": 3, "unavailableReplicas": 3}})

    assert (found.ready, found.available) == (3, 0)


@pytest.mark.parametrize(
    ("selector", "written"),
    [
        (None, ""),
        ({}, ""),
        ({"matchLabels": {"app": "web", "example.test/tier": ""}}, "app=web,example.test/tier="),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}, "app in (web,api)"),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web", ""]}]}, "app notin (web,)"),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, "app"),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist", "values": None}]}, "!app"),
        (
            {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]},
            "app=web,tier",
        ),
    ],
)
def test_a_selector_is_written_as_a_list_s_query_has_it(selector: Json | None, written: str) -> None:
    assert facts.selector({"selector": selector}) == written
    assert facts.deployment({"metadata": metadata("web"), "spec": {"selector": selector}}).selector == written


def test_a_deployment_scaled_to_zero_wants_none() -> None:
    assert facts.deployment({"metadata": metadata("web"), "spec": {"replicas": 0}}).replicas == 0


def test_a_deployments_images_are_those_of_its_template() -> None:
    template = {
        "spec": {"containers": [{"name": "app", "image": "a:1"}], "initContainers": [{"name": "db", "image": "b:1"}]}
    }
    found = facts.deployment(
        {"metadata": metadata("web", annotations={facts.REVISION: "4"}), "spec": {"template": template}}
    )

    assert (found.revision, found.containers, found.init_containers) == (4, {"app": "a:1"}, {"db": "b:1"})
    assert [found.image_of(name) for name in ("app", "db", "proxy")] == ["a:1", "b:1", None]


@pytest.mark.parametrize("text", ["", "four", "-1", "٤"])
def test_a_revision_that_is_no_number_is_0(text: str) -> None:
    assert facts.replica_set({"metadata": metadata("web-6b9", annotations={facts.REVISION: text})}).revision == 0


@pytest.mark.parametrize(
    ("counts", "count"),
    [
        ({}, 1),
        ({"count": None, "series": None}, 1),
        ({"count": 7}, 7),
        ({"series": {"count": 12}}, 12),
        ({"count": 3, "series": {"count": 2}}, 3),
    ],
)
def test_an_events_count_is_its_own_or_its_series_whichever_is_larger(counts: Json, count: int) -> None:
    assert facts.event({"metadata": metadata("e"), **counts}).count == count


def test_an_event_that_stands_for_many_that_are_alike_says_what_they_say() -> None:
    found = facts.event(
        {"metadata": metadata("e"), "message": "(combined from similar events): Error: ImagePullBackOff"}
    )
    assert found.message == "Error: ImagePullBackOff"


def test_a_long_message_is_cut() -> None:
    assert len(facts.event({"metadata": metadata("e"), "message": "x" * 9999}).message) == 1000


OPTIONAL = ("phase", "containerStatuses", "initContainerStatuses", "conditions")


@given(st.sets(st.sampled_from(OPTIONAL)), st.sampled_from([None, {}]), st.booleans())
def test_a_status_with_any_of_its_fields_missing_is_read(
    missing: set[str],
    state: Json | None,
    restarted: bool,  # noqa: FBT001  hypothesis passes it
) -> None:
    whole: Json = {
        "phase": "Running",
        "containerStatuses": [{"name": "app", "state": state, "lastState": {} if restarted else None}],
        "initContainerStatuses": None,
        "conditions": [],
    }
    pod = a_pod({key: value for key, value in whole.items() if key not in missing})

    assert [(c.name, c.state) for c in pod.containers] == [("app", "waiting")]
    assert json.loads(pod.model_dump_json())["name"] == "web-1"


def test_a_pod_that_its_node_refused_says_why_it_ended() -> None:
    refused = {"phase": "Failed", "reason": "OutOfcpu", "message": "Pod was rejected: Node didn't have enough cpu"}

    assert a_pod(refused).ended_because == "OutOfcpu: Pod was rejected: Node didn't have enough cpu"
    assert a_pod({"phase": "Failed"}).ended_because == ""
    assert a_pod({**refused, "phase": "Running"}).ended_because == ""


def test_a_replica_set_and_a_deployment_say_what_they_cannot_create() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    none = {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError", "message": "exceeded quota"}
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}

    assert facts.replica_set({"metadata": metadata(), "status": {"conditions": [failure]}}).failure == "exceeded quota"
    assert facts.replica_set({"metadata": metadata()}).failure == ""
    assert facts.deployment({"metadata": metadata(), "status": {"conditions": [none]}}).no_revision == "exceeded quota"
    assert facts.deployment({"metadata": metadata(), "status": {"conditions": [late]}}).no_revision == ""
