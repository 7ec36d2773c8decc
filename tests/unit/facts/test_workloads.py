"""Workloads of each kind as facts."""

from typing import Any

import pytest

from runmend.kube import facts

Json = dict[str, Any]


def metadata(**more: Any) -> Json:
    return {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "generation": 2, **more}


def counts(kind: str, spec: Json, status: Json) -> tuple[int, ...]:
    found = facts.workload(kind, {"metadata": metadata(), "spec": spec, "status": status})
    return (found.replicas, found.updated, found.available, found.unavailable, found.ready)


@pytest.mark.parametrize(
    ("kind", "spec", "status", "counted"),
    [
        (
            "StatefulSet",
            {"replicas": 3},
            {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 1, "readyReplicas": 2},
            (3, 2, 1, 2, 2),
        ),
        ("StatefulSet", {}, {}, (1, 0, 0, 1, 0)),
        (
            "DaemonSet",
            {},
            {"desiredNumberScheduled": 4, "updatedNumberScheduled": 3, "numberAvailable": 2, "numberReady": 3},
            (4, 3, 2, 2, 3),
        ),
        (
            "ReplicaSet",
            {"replicas": 2},
            {"replicas": 2, "availableReplicas": 1, "readyReplicas": 1},
            (2, 2, 1, 1, 1),
        ),
        ("Job", {"parallelism": 3, "completions": 5}, {"active": 3, "ready": 2, "succeeded": 1}, (3, 3, 2, 1, 2)),
        ("Job", {"parallelism": 3, "completions": 5}, {"active": 1, "succeeded": 4}, (1, 1, 0, 1, 0)),
        ("Job", {}, {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}, (0, 0, 0, 0, 0)),
        ("Job", {"suspend": True, "parallelism": 2}, {}, (0, 0, 0, 0, 0)),
    ],
)
def test_each_kind_counts_its_pods_in_its_own_words(
    kind: str, spec: Json, status: Json, counted: tuple[int, ...]
) -> None:
    assert counts(kind, spec, status) == counted


@pytest.mark.parametrize(
    ("kind", "spec", "status", "stalled"),
    [
        (
            "Deployment",
            {},
            {
                "conditions": [
                    {
                        "type": "Progressing",
                        "status": "False",
                        "reason": "ProgressDeadlineExceeded",
                        "message": "timed out",
                    }
                ]
            },
            "ProgressDeadlineExceeded: timed out",
        ),
        ("Deployment", {}, {"conditions": [{"type": "Progressing", "status": "Unknown", "reason": "Paused"}]}, ""),
        ("Deployment", {}, {"conditions": [{"type": "Progressing", "status": "True", "reason": "NewRS"}]}, ""),
        (
            "Job",
            {},
            {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]},
            "BackoffLimitExceeded",
        ),
        ("Job", {}, {"conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached"}]}, ""),
    ],
)
def test_a_rollout_that_stopped_says_why(kind: str, spec: Json, status: Json, stalled: str) -> None:
    assert facts.workload(kind, {"metadata": metadata(), "spec": spec, "status": status}).stalled == stalled


def test_a_job_is_acted_on_although_its_status_names_no_generation() -> None:
    job = facts.workload("Job", {"metadata": metadata()})

    assert (job.generation, job.observed_generation) == (2, 2)


@pytest.mark.parametrize(
    ("kind", "spec", "strategy", "at_once"),
    [
        ("Deployment", {"strategy": {"type": "Recreate"}}, "Recreate", None),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "OnDelete", 1),
        (
            "StatefulSet",
            {"replicas": 4, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
            "RollingUpdate",
            1,
        ),
        (
            "DaemonSet",
            {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%", "maxSurge": 0}}},
            "RollingUpdate",
            3,
        ),
    ],
)
def test_how_many_pods_are_replaced_at_a_time_is_the_strategy_s(
    kind: str, spec: Json, strategy: str, at_once: int | None
) -> None:
    status = {"desiredNumberScheduled": 6}
    found = facts.workload(kind, {"metadata": metadata(), "spec": spec, "status": status})

    assert (found.strategy, found.replaced_at_once) == (strategy, at_once)


def test_pods_of_a_stateful_set_below_its_partition_may_be_older() -> None:
    spec = {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}
    status = {"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 3}
    held = facts.workload("StatefulSet", {"metadata": metadata(), "spec": spec, "status": status})

    assert held.rolled_out
    assert not held.model_copy(update={"partition": 1}).rolled_out
    assert not held.model_copy(update={"observed_generation": 1}).rolled_out


ARGO = "argocd.argoproj.io"
ENTRY = {"manager": "argocd-controller", "time": "2026-11-22T14:00:00Z", "fieldsV1": {"f:spec": {}}}


@pytest.mark.parametrize(
    ("about", "owners"),
    [
        ({}, ("", "", "")),
        ({"annotations": {f"{ARGO}/tracking-id": "till:apps/Deployment:shop/web"}}, ("till", "", "")),
        ({"labels": {f"{ARGO}/instance": "till"}}, ("till", "", "")),
        ({"labels": {"app.kubernetes.io/instance": "till"}, "managedFields": [ENTRY]}, ("till", "", "")),
        # Helm charts set this label as well.
        ({"labels": {"app.kubernetes.io/instance": "till"}}, ("", "", "")),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
            ("", "flux/apps", ""),
        ),
        (
            {
                "labels": {
                    "helm.toolkit.fluxcd.io/name": "till",
                    "helm.toolkit.fluxcd.io/namespace": "shop",
                    "app.kubernetes.io/managed-by": "Helm",
                },
                "annotations": {"meta.helm.sh/release-name": "till", "meta.helm.sh/release-namespace": "shop"},
            },
            ("", "shop/till", "shop/till"),
        ),
        (
            {"annotations": {"meta.helm.sh/release-name": "till", "meta.helm.sh/release-namespace": "shop"}},
            ("", "", "shop/till"),
        ),
    ],
)
def test_who_delivers_it_is_told_by_what_those_tools_set(about: Json, owners: tuple[str, str, str]) -> None:
    found = facts.deployment({"metadata": metadata(**about)})

    assert (found.argo_cd, found.flux, found.helm) == owners
    assert found.gitops is bool(owners[0] or owners[1])


def test_the_managers_of_its_spec_are_named_who_wrote_last_first() -> None:
    def entry(manager: str, time: str, fields: Json, **more: str) -> Json:
        return {"manager": manager, "time": time, "fieldsV1": fields, **more}

    entries = [
        entry("helm", "2026-11-20T00:00:00Z", {"f:spec": {}}),
        entry("runmend", "2026-11-22T00:00:00Z", {"f:spec": {}}),
        entry("kubectl", "2026-11-21T00:00:00Z", {"f:metadata": {}}),
        entry("kube-controller-manager", "2026-11-23T00:00:00Z", {"f:status": {}}, subresource="status"),
        entry("hpa", "2026-11-23T00:00:00Z", {"f:spec": {}}, subresource="scale"),
    ]

    assert facts.deployment({"metadata": metadata(managedFields=entries)}).managers == ("hpa", "runmend", "helm")
