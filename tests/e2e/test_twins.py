"""Each verb's example, done by kubectl and by us to two objects that are alike: the same comes of it."""

import copy
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from activities.act import act
from runmend.alerts.alert import Target
from runmend.core.errors import Conflict
from runmend.core.kinds import BY_NAME
from runmend.core.modes import Mode
from runmend.kube.client import Cluster as Kube
from runmend.language.verbs import VERBS
from runmend.language.verbs.containers import APP
from runmend.language.verbs.rollout_restart import RESTARTED_AT
from runmend.language.verbs.verb import Example, Verb
from runmend.plan.change import stands
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.notes import NOTES
from runmend.plan.plan import Step, fill
from runmend.reports.target_events import Author
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.shell_words import split_words
from runmend.runbook.values import Parameter, Values
from tests.cluster.api import Cluster, Json, Namespace, a_template, eventually
from tests.cluster.kubectl import Kubectl

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
TWINS = [
    pytest.param(verb, kind, id=f"{verb.words} of a {kind}")
    for verb in VERBS
    if verb.changing
    for kind in verb.kinds
    if kind in WORKLOADS
]


VARIABLES = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}]
FULL = {
    "metadata": {"labels": {"team": "shop", "tier": "web"}},
    "spec": {
        "template": {
            "metadata": {"annotations": {"build": "7", "other": "1"}},
            "spec": {
                "containers": [
                    {
                        "name": "app",
                        "env": VARIABLES,
                        "ports": [{"containerPort": 80}, {"containerPort": 81}],
                        "args": ["-v", "-x"],
                        "resources": {"limits": {"memory": "64Mi"}},
                    },
                    {"name": "log", "image": "registry.example/log:1"},
                ],
                "initContainers": [{"name": "setup", "image": "registry.example/setup:1", "env": VARIABLES}],
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "volumes": [{"name": "data", "emptyDir": {}}],
                "imagePullSecrets": [{"name": "pull"}],
                "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
            },
        }
    },
}
"""A workload that has something of much."""


def patching(body: object, more: str = "") -> str:
    return f"kubectl patch deployment {{deployment}} -n {{namespace}} {more} -p '{json.dumps(body)}'"


def templated(**spec: object) -> Json:
    return {"spec": {"template": {"spec": spec}}}


SPREAD = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
COMMANDS = [
    patching({"metadata": {"labels": {"team": None, "more": "1"}, "annotations": {"a": "b"}}, "spec": {"replicas": 1}}),
    patching(
        templated(containers=[{"name": "app", "env": [{"name": "B", "value": "9"}, {"name": "D", "value": "4"}]}])
    ),
    patching(
        templated(containers=[{"name": "app", "ports": [{"containerPort": 81, "name": "b"}, {"containerPort": 9}]}])
    ),
    patching(templated(containers=[{"name": "app", "args": ["-q"], "resources": {"limits": {"cpu": "0.5"}}}])),
    patching(
        templated(containers=[{"name": "app", "image": "registry.example/x:2"}, {"name": "log", "command": ["a"]}])
    ),
    patching(templated(initContainers=[{"name": "setup", "image": "registry.example/x:2"}])),
    patching(templated(tolerations=[{"key": "b", "operator": "Exists"}], nodeSelector={"disk": "fast"})),
    patching(templated(volumes=[{"name": "more", "emptyDir": {}}], imagePullSecrets=[{"name": "other"}])),
    patching(templated(hostAliases=[{"ip": "10.0.0.2", "hostnames": ["b"]}], securityContext={"runAsUser": 7})),
    patching(templated(topologySpreadConstraints=[{**SPREAD, "topologyKey": "host"}])),
    patching({"spec": {"template": {"metadata": {"annotations": {"build": None, "x": "1"}}}}}),
    patching({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}),
    patching({"spec": {"template": {"metadata": {"annotations": {"build": None, "x": "1"}}}}}, "--type merge"),
    patching(templated(tolerations=[{"key": "b", "operator": "Exists"}]), "--type=merge"),
    patching([{"op": "add", "path": "/spec/template/metadata/annotations/a~1b", "value": "1"}], "--type json"),
    patching([{"op": "remove", "path": "/metadata/labels/team"}], "--type=json"),
    "kubectl set image deploy {deployment} app=registry.example/x:2 setup=registry.example/x:3 -n {namespace}",
    "kubectl set env deployment {deployment} B=9 A- NEW=1 EMPTY= -n {namespace}",
    "kubectl set env deployment/{deployment} -c setup C=$(A) -e D=4 --namespace={namespace}".replace(
        "C=$(A)", "'C=$(A)'"
    ),
    "kubectl set resources deployment {deployment} --limits=memory=1024Mi,cpu=500m --requests=cpu=0.1 -n {namespace}",
    "kubectl set resources deployment {deployment} -c=app --limits memory=0.5Gi -n {namespace}",
    "kubectl scale deployment {deployment} --replicas 1 -n {namespace}",
    "kubectl rollout restart deploy/{deployment} -n {namespace}",
]


@pytest.mark.parametrize("text", COMMANDS)
def test_more_of_what_kubectl_takes_comes_to_the_same(
    text: str, shop: Namespace, product: Kube, kubectl: Kubectl
) -> None:
    number = COMMANDS.index(text)
    example = Example(before=FULL, changes=())
    kubectls, ours = f"more-{number}-kubectl", f"more-{number}-runmend"
    for name in (kubectls, ours):
        made(example, "Deployment", name, shop)

    kubectl(*words(text, "Deployment", kubectls, example, shop))
    result = eventually(lambda: tried(product, call(text, "Deployment", ours, example, shop)))

    assert result
    assert result.status is StepStatus.DONE, result
    assert alike(shop.get("deployments", ours), ours) == alike(shop.get("deployments", kubectls), kubectls)


@pytest.fixture(scope="module")
def shop(real: Cluster) -> Iterator[Namespace]:
    with real.namespace() as namespace:
        yield namespace


@pytest.fixture(scope="module")
def product(real: Cluster) -> Iterator[Kube]:
    with closing(Kube.connect(kubeconfig=real.kubeconfig)) as product:
        yield product


@pytest.mark.parametrize(("verb", "kind"), TWINS)
def test_kubectl_and_runmend_make_the_same_of_it(
    verb: Verb[Any], kind: str, shop: Namespace, product: Kube, kubectl: Kubectl
) -> None:
    assert verb.changing
    assert verb.changing.example, "a verb that changes something brings its example"
    example = verb.changing.example
    text = verb.example.replace("deployment", BY_NAME[kind].singular)
    kubectls, ours = (f"{verb.words.replace(' ', '-')}-{kind.lower()}-{whose}" for whose in ("kubectl", "runmend"))
    for name in (kubectls, ours):
        made(example, kind, name, shop)

    kubectl(*words(text, kind, kubectls, example, shop))
    result = eventually(lambda: tried(product, call(text, kind, ours, example, shop)))

    assert result
    assert result.status is StepStatus.DONE, result
    theirs = shop.get(BY_NAME[kind].plural, kubectls)
    assert all(stands(change, theirs) or change.path == RESTARTED_AT for change in example.changes)
    assert alike(shop.get(BY_NAME[kind].plural, ours), ours) == alike(theirs, kubectls)


def tried(product: Kube, step: StepCall) -> StepResult | None:
    """The step's result; None where its object's controllers were faster, and it has to be tried again."""
    try:
        return act(product, step, AUTHOR, may_change=True)
    except Conflict:
        return None


AUTHOR = Author(runbook="RB_TWINS", workflow="twins", run="r")


def made(example: Example, kind: str, name: str, shop: Namespace) -> None:
    """The object, as its controller has seen it; an older version of it first, where the example has one."""
    plural = BY_NAME[kind].plural
    versions = [whole(given, kind, name) for given in (example.earlier, example.before) if given]
    shop.create(plural, versions[0])
    seen(plural, name, shop)
    for later in versions[1:]:
        shop.patch(plural, name, later)
        seen(plural, name, shop)


def seen(plural: str, name: str, shop: Namespace) -> None:
    def is_seen() -> bool:
        found = shop.get(plural, name)
        return bool(found["status"].get("observedGeneration") == found["metadata"]["generation"])

    eventually(is_seen)


def whole(given: Json, kind: str, name: str) -> Json:
    made = copy.deepcopy(given)
    spec = made["spec"]
    given_template = spec.get("template", {})
    template = a_template("registry.example/web:1", name)
    template["metadata"] |= given_template.get("metadata", {}) | {"labels": {"app": name}}
    given_spec = given_template.get("spec", {})
    template["spec"] |= {key: value for key, value in given_spec.items() if key != "containers"}
    for number, container in enumerate(given_spec.get("containers", ())):
        if number:
            template["spec"]["containers"].append(container)
        else:
            template["spec"]["containers"][0] |= container
    spec |= {"selector": {"matchLabels": {"app": name}}, "template": template}
    if kind == "StatefulSet":
        spec["serviceName"] = name
    if kind != "DaemonSet":
        spec.setdefault("replicas", 0)
    return {**made, "metadata": {**made.get("metadata", {}), "name": name}}


def values(kind: str, name: str, example: Example, shop: Namespace) -> dict[str, str]:
    return {"namespace": shop.name, kind.lower(): name, "container": APP[-1], **example.values}


def words(text: str, kind: str, name: str, example: Example, shop: Namespace) -> list[str]:
    filled = values(kind, name, example, shop)
    return [fill(word, filled) for word in split_words(text)[1:]]


def call(text: str, kind: str, name: str, example: Example, shop: Namespace) -> StepCall:
    report = Report("rb.md")
    own = {each: Parameter(each, value, 1) for each, value in example.values.items()}
    operation = parse_command(text, Values(report, 1, own))
    assert operation, report.diagnostics
    step = Step(
        action_id="do",
        title="",
        line=1,
        command=text,
        operation=operation,
        parameters=dict(example.values),
        changes=True,
    )
    target = Target(cluster="test", namespace=shop.name, kind=kind, name=name)
    return StepCall(
        step=step,
        state=None,
        target=target,
        alerts=(),
        mode=Mode.AUTO,
        protect_serving=False,
        run_id="r",
        step_id="01-do",
    )


def alike(item: Json, name: str) -> Json:
    """An object without what tells it from its twin: names, uids, versions, managers, our notes, moments, revisions."""
    found: Json = json.loads(json.dumps(item).replace(name, "NAME").replace(item["metadata"]["uid"], "UID"))
    metadata, template = found["metadata"], found["spec"]["template"]["metadata"]
    # A Deployment's annotations count as a new generation, and so does our note.
    for key in ("resourceVersion", "creationTimestamp", "managedFields", "generation"):
        metadata.pop(key)
    annotations = metadata.get("annotations", {})
    annotations.pop(NOTES, None)
    # The controller counts it up when it has made the next one.
    annotations.pop("deployment.kubernetes.io/revision", None)
    annotations.pop("deprecated.daemonset.template.generation", None)
    metadata["annotations"] = annotations
    if RESTARTED_AT[-1] in template.get("annotations", {}):
        template["annotations"][RESTARTED_AT[-1]] = "a moment"
    del found["status"]
    return found


OF_NODES = [
    f"kubectl patch node {{node}} {how} -p '{json.dumps(body)}'"
    for how, body in (
        ("", {"spec": {"taints": [{"key": "b", "value": "2", "effect": "NoSchedule"}]}}),
        ("--type merge", {"spec": {"taints": None, "unschedulable": True}}),
        ("--type=merge", {"metadata": {"labels": {"disk": "slow", "team": None}, "annotations": {"a.example/b": "c"}}}),
        (
            "--type json",
            [
                {"op": "test", "path": "/spec/taints/0/key", "value": "a"},
                {"op": "remove", "path": "/spec/taints/0"},
                {"op": "add", "path": "/metadata/labels/a.example~1b", "value": "c"},
            ],
        ),
    )
]


@pytest.mark.parametrize("text", OF_NODES)
def test_a_node_is_patched_as_by_kubectl(text: str, shop: Namespace, product: Kube, kubectl: Kubectl) -> None:
    example = Example(before={}, changes=())
    kubectls, ours = (f"twin-{OF_NODES.index(text)}-{whose}" for whose in ("kubectl", "runmend"))
    taints = [{"key": "a", "effect": "NoSchedule"}, {"key": "c", "value": "1", "effect": "PreferNoSchedule"}]

    def its_own(name: str) -> Json:
        """What of a node no controller writes, our note aside."""
        found = shop.http.get(f"/api/v1/nodes/{name}").json()
        metadata, spec = found["metadata"], found["spec"]
        taints = [taint for taint in spec.get("taints", ()) if not taint["key"].startswith("node.kubernetes.io/")]
        annotations = metadata.get("annotations", {})
        kept = {key: annotations[key] for key in annotations if key not in (NOTES, "node.alpha.kubernetes.io/ttl")}
        return {"labels": metadata["labels"], "annotations": kept, "spec": spec | {"taints": taints}}

    try:
        for name in (kubectls, ours):
            metadata = {"name": name, "labels": {"disk": "fast", "team": "shop"}}
            shop.http.post("/api/v1/nodes", json={"metadata": metadata, "spec": {"taints": taints}}).raise_for_status()
        kubectl(*words(text, "Node", kubectls, example, shop))
        result = eventually(lambda: tried(product, of_a_node(text, ours, example, shop)))

        assert result
        assert result.status is StepStatus.DONE, result
        assert its_own(ours) == its_own(kubectls)
    finally:
        for name in (kubectls, ours):
            shop.http.delete(f"/api/v1/nodes/{name}")


def of_a_node(text: str, name: str, example: Example, shop: Namespace) -> StepCall:
    target = Target(cluster="test", kind="Node", name=name)
    return call(text, "Node", name, example, shop).model_copy(update={"target": target})
