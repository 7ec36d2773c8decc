"""Steps that change something, on the embedded cluster: what they write, what they say, and what a retry finds."""

from collections.abc import Callable, Iterator

import pytest

from activities.act import act
from runmend.alerts.alert import Target
from runmend.core.errors import Conflict, PreconditionFailed
from runmend.core.modes import Mode
from runmend.kube.client import Cluster
from runmend.language.derived import values_of
from runmend.language.target import TargetNow
from runmend.local.sandbox import Sandbox
from runmend.plan.messages import StepCall, StepResult, StepStatus
from runmend.plan.plan import Step
from runmend.plan.values import Value
from runmend.reports.target_events import Author
from tests.builders import an_alert
from tests.cluster.api import Cluster as Raw
from tests.cluster.api import Json, Namespace, a_container, a_deployment, eventually
from tests.unit.runbook.test_calculations import MAX, SET, compiled

AUTHOR = Author(runbook="RB_TEST", workflow="test/shop/Deployment/web", run="r")
Acts = Callable[..., StepResult]


class Shop:
    """A Deployment web with two containers of 256 MiB, and who acts on it."""

    def __init__(self, namespace: Namespace, cluster: Cluster) -> None:
        self.namespace, self.cluster = namespace, cluster
        self.target = Target(cluster="test", namespace=namespace.name, kind="Deployment", name="web")

    def step(self, command: str, *items: str) -> Step:
        made, said = compiled(command, *items)
        assert made, said
        return made

    def observed(self, step: Step) -> tuple[Value, ...]:
        """As the run takes it before it changes anything."""
        return values_of(step, TargetNow.look(self.cluster, self.target), "")

    def act(self, step: Step, values: tuple[Value, ...] = (), *, mode: Mode = Mode.AUTO) -> StepResult:
        call = StepCall(
            step=step,
            state=None,
            target=self.target,
            alerts=(an_alert("web-1", "app"),),
            mode=mode,
            protect_serving=False,
            run_id="r",
            step_id=f"01-{step.action_id}",
            values=values,
        )

        def tried() -> StepResult | None:
            try:
                return act(self.cluster, call, AUTHOR, may_change=True)
            except Conflict:
                return None

        result = eventually(tried)
        assert result
        return result

    def live(self) -> Json:
        return self.namespace.get("deployments", "web")

    def containers(self) -> list[Json]:
        found: list[Json] = self.live()["spec"]["template"]["spec"]["containers"]
        return found


@pytest.fixture
def shop(cluster: Cluster, raw: Raw) -> Iterator[Shop]:
    with raw.namespace() as namespace:
        limits = {"limits": {"memory": "256Mi"}}
        body = a_deployment(replicas=1)
        body["spec"]["template"]["spec"]["containers"] = [
            a_container("app", "registry.example/web:1", resources=limits),
            a_container("log", "registry.example/log:1", resources=limits),
        ]
        namespace.create("deployments", body)
        eventually(lambda: namespace.get("deployments", "web")["status"].get("observedGeneration"))
        yield Shop(namespace, cluster)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def raw(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raw]:
    raw = Raw("sandbox", sandbox.write_kubeconfig(tmp_path_factory.mktemp("acting") / "kubeconfig"))
    with raw.http:
        yield raw


@pytest.fixture(scope="module")
def cluster(raw: Raw) -> Cluster:
    return Cluster.connect(kubeconfig=raw.kubeconfig)


def test_a_calculated_limit_is_written_and_told_with_its_operands(shop: Shop) -> None:
    step = shop.step(SET, f"- **calculation**: {MAX} (max 4Gi)")

    result = shop.act(step, shop.observed(step))

    assert result.summary == (
        "changed container app resources.limits.memory: 256Mi → 512Mi "
        "(new_limit = 512Mi: max(256Mi, current_limit 256Mi * 2), at most 4Gi)"
    )
    assert [each["resources"]["limits"]["memory"] for each in shop.containers()] == ["512Mi", "256Mi"]


def test_a_patch_is_filled_with_each_containers_own_value(shop: Shop) -> None:
    patch = (
        """kubectl patch deployment {deployment} -n {namespace} -p '{"spec":{"template":{"spec":{"containers":"""
        """[{"name":"{container}","resources":{"limits":{"memory":"{new_limit}"}}}]}}}}'"""
    )
    step = shop.step(patch, "- **calculation**: `new_limit = current_limit * 3`")

    shop.act(step, shop.observed(step))

    assert [each["resources"]["limits"]["memory"] for each in shop.containers()] == ["768Mi", "256Mi"]


def test_a_retry_takes_its_result_from_its_note_and_doubles_nothing(shop: Shop) -> None:
    step = shop.step(SET, f"- **calculation**: {MAX}")
    values = shop.observed(step)
    first = shop.act(step, values)

    again = shop.act(step, values)

    assert (again.status, again.recovered, again.changes) == (StepStatus.DONE, True, first.changes)
    assert "(new_limit = 512Mi: max(256Mi, current_limit 256Mi * 2)) (by an earlier try" in again.summary
    assert shop.containers()[0]["resources"]["limits"]["memory"] == "512Mi"


def test_a_value_that_cannot_be_told_stops_the_step_before_anything_is_changed(shop: Shop) -> None:
    command = SET.replace("--limits=memory={new_limit}", "--requests=memory={more}")
    step = shop.step(command, "- **calculation**: `more = current_request * 2`")
    values, before = shop.observed(step), shop.live()["metadata"]["generation"]

    with pytest.raises(
        PreconditionFailed, match="more cannot be told: it needs current_request: container app has no memory request"
    ):
        shop.act(step, values)

    assert shop.live()["metadata"]["generation"] == before


def test_a_recommendation_says_what_was_calculated(shop: Shop) -> None:
    step = shop.step(SET, f"- **calculation**: {MAX}")

    result = shop.act(step, shop.observed(step), mode=Mode.RECOMMEND)

    assert result.status is StepStatus.RECOMMENDED
    assert "256Mi → 512Mi (new_limit = 512Mi: max(256Mi, current_limit 256Mi * 2)) (accepted by" in result.summary


def test_a_scale_that_is_there_already_is_done_and_writes_nothing(shop: Shop) -> None:
    step = shop.step("kubectl scale deployment/{deployment} --replicas=1 -n {namespace}")

    result = shop.act(step)

    assert (result.status, result.changes, result.reason) == (StepStatus.DONE, (), "already so")


def test_a_scale_from_another_number_is_refused(shop: Shop) -> None:
    step = shop.step("kubectl scale deployment/{deployment} --replicas=3 --current-replicas=2 -n {namespace}")

    with pytest.raises(PreconditionFailed, match="has 1 replicas, and the command scales it only from 2"):
        shop.act(step)


def test_a_restart_makes_new_pods_once_however_often_it_is_tried(shop: Shop) -> None:
    step = shop.step("kubectl rollout restart deployment/{deployment} -n {namespace}")

    results = [shop.act(step) for _ in range(3)]

    assert [result.recovered for result in results] == [False, True, True]
    assert results[0].changes == results[1].changes == results[2].changes
    eventually(lambda: len(shop.namespace.items("replicasets")) == 2)


def test_no_value_of_a_variable_is_told(shop: Shop) -> None:
    step = shop.step("kubectl set env deployment/{deployment} -c app TOKEN=secret1 MODE= -n {namespace}")

    result = shop.act(step)

    assert "secret1" not in result.summary
    assert shop.containers()[0]["env"] == [{"name": "TOKEN", "value": "secret1"}, {"name": "MODE"}]
