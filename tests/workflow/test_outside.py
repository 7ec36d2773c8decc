"""Runs whose gates and criteria ask Prometheus and addresses."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from runmend.core.outcomes import Outcome
from runmend.plan.criteria import Status
from runmend.plan.messages import StepStatus
from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from tests.answering import Answer, Answering, answering, as_vector, query_of
from tests.builders import MISSING
from tests.unit.runbooks import changed
from tests.workflow.acts import skip_to_end
from tests.world import World, a_world

LAST = "- Container starts successfully"
QUERY = '- Error rate stays below 1% for 5 minutes\n  - query: `errors{namespace="{namespace}",web=~"{deployment}-.*"}`'
FIRES = "- The alert no longer fires"


@dataclass
class Others:
    """What Prometheus and an address say now."""

    errors: float | None = 0.001
    fires: float | None = 0
    status: int = 200
    queries: list[str] = field(default_factory=list)
    server: Answering | None = None

    def answer(self, path: str) -> Answer:
        if path == "/health":
            return self.status, b'{"ready": true}'
        self.queries.append(query_of(path))
        value = self.fires if "ALERTS" in self.queries[-1] else self.errors
        return as_vector(*([({}, value)] if value is not None else []))

    @property
    def url(self) -> str:
        assert self.server
        return self.server.url


@pytest.fixture
def others() -> Iterator[Others]:
    this = Others()
    with answering(this.answer) as server:
        this.server = server
        yield this


@pytest_asyncio.fixture
async def asking(tmp_path: Path, others: Others) -> AsyncIterator[World]:
    """A world whose worker asks them."""
    assert others.server
    async with a_world(tmp_path, prometheus_url=others.url, http_hosts=others.server.host, look_seconds=5) as world:
        yield world


def plan_of(*replacements: tuple[str, str]) -> Plan:
    return compile_runbook(changed(*replacements).encode(), "rb.md").plan


async def test_what_others_tell_proves_a_fix(asking: World, others: Others) -> None:
    plan = plan_of((LAST, f"{LAST}\n{QUERY}\n- `{others.url}/health` returns 200\n{FIRES}"))
    asking.deploy(images={"app": MISSING})
    await asking.until_broken()

    handle = await asking.start(plan=plan)
    await asking.window(handle)
    await skip_to_end(asking, handle)
    result = await asking.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert result.unverified == 0
    told = {verdict.text: verdict.evidence for verdict in result.verdicts}
    assert told["Error rate stays below 1% for 5 minutes"].endswith(" is 0.001")
    assert told[f"{others.url}/health returns 200"] == f'http("{others.url}/health").status is 200'
    assert told["The alert no longer fires"] == "alert_fires is false"
    assert 'errors{namespace="shop",web=~"web-.*"}' in others.queries
    asked = [query for query in others.queries if "ALERTS" in query]
    assert asked
    assert all('count(ALERTS{alertname="KubePodImagePullBackOff",alertstate="firing",' in query for query in asked)


async def test_an_error_rate_that_rises_ends_the_window(asking: World, others: Others) -> None:
    asking.deploy(images={"app": MISSING})
    await asking.until_broken()

    handle = await asking.start(plan=plan_of((LAST, f"{LAST}\n{QUERY}")))
    await asking.window(handle)
    others.errors = 0.2
    await skip_to_end(asking, handle)
    failed = await asking.failed(handle)

    assert failed.kind == "VerificationFailed"
    assert "Error rate stays below 1% for 5 minutes" in failed.message
    assert failed.result.window_ended_early


async def test_settle_waits_until_the_alert_no_longer_fires(asking: World, others: Others) -> None:
    others.fires = 1
    asking.deploy(images={"app": MISSING})
    await asking.until_broken()

    handle = await asking.start(plan=plan_of((LAST, f"{LAST}\n{FIRES}")))
    await asking.until(lambda: sum("ALERTS" in query for query in others.queries) > 1, "settle asked twice")
    others.fires = 0
    await asking.window(handle)
    await skip_to_end(asking, handle)

    assert (await asking.completed(handle)).outcome is Outcome.RESOLVED


@pytest.mark.parametrize("silent", ["no sample", "no server"])
async def test_what_is_not_told_is_unverified(tmp_path: Path, others: Others, silent: str) -> None:
    others.errors = others.fires = None
    settings = {"prometheus_url": others.url} if silent == "no sample" else {}
    async with a_world(tmp_path, **settings) as world:
        world.deploy(images={"app": MISSING})
        await world.until_broken()

        handle = await world.start(
            plan=plan_of((LAST, f"{LAST}\n{QUERY}\n- `{others.url}/health` returns 200\n{FIRES}"))
        )
        await world.window(handle)
        await skip_to_end(world, handle)
        result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    unverified = {each.text: each.evidence for each in result.verdicts if each.status is Status.UNVERIFIED}
    assert len(unverified) == 3
    why = (
        ("Prometheus has no sample for it", "Prometheus has not known KubePodImagePullBackOff firing")
        if silent == "no sample"
        else ("RUNMEND_PROMETHEUS_URL of the worker names no Prometheus",) * 2
    )
    assert why[0] in unverified["Error rate stays below 1% for 5 minutes"]
    assert why[1] in unverified["The alert no longer fires"]
    assert "RUNMEND_HTTP_HOSTS of the worker names no host" in unverified[f"{others.url}/health returns 200"]


@pytest.mark.parametrize(
    ("errors", "status"), [(0.5, StepStatus.DONE), (0.001, StepStatus.SKIPPED), (None, StepStatus.SKIPPED)]
)
async def test_a_gate_holds_only_where_prometheus_says_so(
    asking: World, others: Others, errors: float | None, status: StepStatus
) -> None:
    others.errors = errors
    gate = "  - action_id: patch_image\n    when: prometheus('errors{pod=\"{pod}\"}') > 0.01\n"
    asking.deploy(images={"app": MISSING})
    await asking.until_broken()
    pods = {pod.name for pod in asking.pods()}

    handle = await asking.start(plan=plan_of(("  - action_id: patch_image\n", gate)))
    if status is StepStatus.DONE:
        await asking.window(handle)
    await skip_to_end(asking, handle)
    result = await asking.completed(handle) if status is StepStatus.DONE else (await asking.failed(handle)).result

    assert result.steps[-1].status is status
    assert others.queries[0].removeprefix('errors{pod="').removesuffix('"}') in pods


async def test_a_prometheus_that_is_silent_breaks_no_window_and_proves_nothing(asking: World, others: Others) -> None:
    asking.deploy(images={"app": MISSING})
    await asking.until_broken()

    handle = await asking.start(plan=plan_of((LAST, f"{LAST}\n{QUERY}")))
    await asking.window(handle)
    others.errors = None
    await skip_to_end(asking, handle)
    result = await asking.completed(handle)

    (verdict,) = [each for each in result.verdicts if "Error rate" in each.text]
    assert verdict.status is Status.UNVERIFIED
    assert verdict.evidence.startswith("cannot be told: ")
    assert not result.window_ended_early
