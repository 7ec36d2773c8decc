"""What a person calls a target, and which pod's alert that stands for."""

import re

import pytest

from runmend.cli.context import NotFoundHere
from runmend.cli.running import overruling
from runmend.cli.targets import Named, named_target, pod_of, refuse_another_cluster
from runmend.core.modes import Mode
from runmend.facts.object import Owner
from runmend.facts.pod import ContainerFacts, PodFacts
from runmend.facts.replica_set import ReplicaSetFacts
from runmend.kube.owners import Workloads

STATE = "ImagePullBackOff"


@pytest.mark.parametrize(
    ("called", "labels", "named"),
    [
        ("shop/web", {}, Named("shop", "web")),
        ("shop/web", {"container": "app"}, Named("shop", "web")),
        ("prod/shop/StatefulSet/web", {}, Named("shop", "web", "StatefulSet", "prod")),
        ("", {"namespace": "shop", "deployment": "web"}, Named("shop", "web", "Deployment")),
        ("", {"namespace": "shop", "job_name": "web"}, Named("shop", "web", "Job")),
        ("", {"namespace": "shop", "deployment": "web", "pod": "web-1"}, None),
        ("", {"deployment": "web"}, None),
        ("", {"namespace": "shop", "node": "n1"}, None),
        ("", {}, None),
    ],
)
def test_a_target_is_named_as_show_takes_it_or_by_the_labels_of_a_workload(
    called: str, labels: dict[str, str], named: Named | None
) -> None:
    assert named_target(called, labels) == named


@pytest.mark.parametrize(
    ("called", "labels", "says"),
    [
        ("web", {}, "'web' is not a target; write NAMESPACE/NAME, such as shop/web"),
        ("shop/", {}, "'shop/' is not a target"),
        ("shop/web@d1cbeea2", {}, "'shop/web@d1cbeea2' is not a target"),
        ("a/shop/web", {}, "'a/shop/web' is not a target; "),
        ("/shop//web", {}, "'/shop//web' is not a target; "),
        ("shop/web", {"namespace": "pay"}, "shop/web and the label namespace both say what is to be fixed"),
        ("shop/web", {"deployment": "api"}, "shop/web and the label deployment both say what is to be fixed"),
    ],
)
def test_what_is_no_target_is_refused(called: str, labels: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        named_target(called, labels)


@pytest.mark.parametrize(
    ("mode", "installation", "runbook", "says"),
    [
        (None, Mode.RECOMMEND, None, ""),
        (Mode.AUTO, None, None, ""),
        (Mode.RECOMMEND, Mode.AUTO, Mode.AUTO, ""),
        (Mode.RECOMMEND, Mode.RECOMMEND, None, ""),
        (
            Mode.AUTO,
            Mode.RECOMMEND,
            None,
            "--mode auto is overruled: RUNMEND_MODE says recommend, and the strictest wins",
        ),
        (
            Mode.AUTO,
            Mode.RECOMMEND,
            Mode.RECOMMEND,
            (
                "--mode auto is overruled: RUNMEND_MODE says recommend and the runbook says recommend, and the "
                "strictest wins"
            ),
        ),
    ],
)
def test_a_mode_that_a_stricter_one_overrules_is_said(
    mode: Mode | None, installation: Mode | None, runbook: Mode | None, says: str
) -> None:
    assert overruling(mode, installation=installation, runbook=runbook) == says


def a_pod(name: str, owner: str = "", *, broken: bool = False, deleting: bool = False) -> PodFacts:
    """A pod; its owner as `ReplicaSet web-1`."""
    kind, _, of = owner.partition(" ")
    state = {"state": "waiting", "reason": "ErrImagePull"} if broken else {"state": "running"}
    container = ContainerFacts.model_validate({"name": "app", "image": "a:1"} | state)
    return PodFacts(
        namespace="shop",
        name=name,
        uid=f"uid-{name}",
        phase="Pending" if broken else "Running",
        owner=Owner(kind=kind, name=of, uid=f"uid-{of}") if owner else None,
        deleting=deleting,
        containers=(container,),
    )


def pod(called: str, *pods: PodFacts, state: str | None = STATE) -> str:
    """The pod that is chosen, in a namespace with two revisions of the Deployment web."""
    web = Owner(kind="Deployment", name="web", uid="uid-web")
    sets = [
        ReplicaSetFacts(namespace="shop", name=f"web-{number}", uid=f"uid-web-{number}", revision=number, owner=web)
        for number in (1, 2)
    ]
    named = named_target(called, {})
    assert named
    return pod_of(Workloads.under(pods, sets), named, state, "prod")


OLD, NEW = "ReplicaSet web-1", "ReplicaSet web-2"


def test_the_alert_is_of_a_broken_pod_of_the_newest_revision() -> None:
    pods = [a_pod("a", OLD, broken=True), a_pod("b", NEW), a_pod("c", NEW, broken=True), a_pod("d", NEW, broken=True)]

    assert pod("shop/web", *pods) == "c"
    assert pod("prod/shop/Deployment/web", *pods) == "c"


def test_where_none_is_broken_it_is_of_any_and_the_run_says_that_nothing_is_to_be_done() -> None:
    assert pod("shop/web", a_pod("a", OLD), a_pod("b", NEW)) == "b"
    assert pod("shop/web", a_pod("a", OLD)) == "a"
    assert pod("shop/web", a_pod("b", NEW), a_pod("c", NEW, broken=True), state=None) == "b"


def test_a_pod_without_a_controller_is_a_target_of_its_own() -> None:
    assert pod("shop/lonely", a_pod("lonely", broken=True), a_pod("a", NEW)) == "lonely"


@pytest.mark.parametrize("called", ["shop/api", "shop/web-2", "prod/shop/StatefulSet/web", "prod/shop/Pod/b"])
def test_what_has_no_pod_is_not_found(called: str) -> None:
    """A ReplicaSet below a Deployment is no target."""
    with pytest.raises(NotFoundHere, match="has a pod; `kubectl get pods -n shop` shows those there are"):
        pod(called, a_pod("a", NEW))


def test_a_pod_of_a_workload_is_answered_with_its_workload() -> None:
    with pytest.raises(NotFoundHere, match="shop/a is a pod of Deployment shop/web; name that: shop/web"):
        pod("shop/a", a_pod("a", NEW))


def test_pods_that_are_being_deleted_are_none() -> None:
    with pytest.raises(NotFoundHere):
        pod("shop/web", a_pod("a", NEW, deleting=True))


def test_a_name_of_several_kinds_is_refused_with_what_names_them_whole() -> None:
    with pytest.raises(
        NotFoundHere, match="shop/web may be any of prod/shop/Deployment/web, prod/shop/StatefulSet/web"
    ):
        pod("shop/web", a_pod("a", NEW), a_pod("web-0", "StatefulSet web"))


def test_a_target_of_another_cluster_is_refused() -> None:
    named = named_target("stage/shop/Deployment/web", {})
    assert named
    with pytest.raises(NotFoundHere, match="is named in cluster stage, and RUNMEND_CLUSTER is prod"):
        refuse_another_cluster(named, "prod")
