"""Each verb's example, done under an account that has the rights of that verb alone, with the admission policy that
follows from what it writes: the change goes through, and nothing else does."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from runmend.kube.client import Cluster as Kube
from runmend.language.admission import HELD, policy_yaml
from runmend.language.rights import roles_yaml
from runmend.language.verbs import VERBS
from runmend.language.verbs.verb import Verb
from runmend.plan.messages import StepStatus
from tests.cluster.api import MERGE, STRATEGIC, Cluster, Json, Namespace, eventually
from tests.cluster.kubectl import Kubectl
from tests.e2e.installation import account
from tests.e2e.test_twins import call, made, tried

CHANGING = [verb for verb in VERBS if verb.changing and "Deployment" in verb.kinds]


@pytest.fixture(scope="module")
def shop(real: Cluster) -> Iterator[Namespace]:
    with real.namespace() as namespace:
        yield namespace


@contextmanager
def only(verb: Verb[Any], shop: Namespace, kubectl: Kubectl, folder: Path) -> Iterator[Path]:
    """A kubeconfig of an account that may do what a verb's example needs, under a policy and a role of its own."""
    command = call(verb.example, "Deployment", "web", verb.changing.example, shop).step.operation  # type: ignore[union-attr, arg-type]
    name = f"only-{verb.words.replace(' ', '-')}"
    with shop.cluster.namespace() as home:
        kubectl("label", "namespace", home.name, f"held-by-{name}=true")
        home.create("serviceaccounts", {"metadata": {"name": "worker"}})
        policy = policy_yaml([command]).replace(HELD, f"held-by-{name}").replace("runmend-accounts", name)
        (role,) = [
            each for each in yaml.safe_load_all(roles_yaml([command])) if each["metadata"]["name"].endswith("worker")
        ]
        role["metadata"]["name"] = name
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": shop.name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": home.name}],
        }
        text = "\n---\n".join([policy, json.dumps(role), json.dumps(binding)])
        kubectl("apply", "-f", "-", text=text)
        try:
            yield account(shop.cluster, folder, "worker", home.name)
        finally:
            kubectl("delete", "-f", "-", "--ignore-not-found", text=text)


def tries(http: httpx.Client, shop: Namespace, name: str, body: Json) -> httpx.Response:
    """Asks for a change that is only tried."""
    form = MERGE if "metadata" in body else STRATEGIC
    return http.patch(
        shop.path("deployments", name),
        content=json.dumps(body),
        headers={"Content-Type": form},
        params={"dryRun": "All"},
    )


@pytest.mark.parametrize("verb", CHANGING, ids=lambda verb: verb.words)
def test_a_verb_does_its_work_with_its_own_rights_and_they_let_nothing_else_through(
    verb: Verb[Any], shop: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    assert verb.changing
    assert verb.changing.example
    name = verb.words.replace(" ", "-")
    made(verb.changing.example, "Deployment", name, shop)
    with only(verb, shop, kubectl, tmp_path) as kubeconfig, Cluster("only", kubeconfig).http as http:
        slower: Json = {"spec": {"minReadySeconds": 1}}
        eventually(lambda: "Runmend changes nothing of apps/deployments but" in tries(http, shop, name, slower).text)

        with closing(Kube.connect(kubeconfig=kubeconfig)) as product:
            step = call(verb.example, "Deployment", name, verb.changing.example, shop)
            result = eventually(lambda: tried(product, step))

        assert result
        assert result.status is StepStatus.DONE
        assert result.changes
        for body in (slower, {"metadata": {"labels": {"theirs": "1"}}}, {"spec": {"revisionHistoryLimit": 1}}):
            assert tries(http, shop, name, body).status_code == httpx.codes.FORBIDDEN
