"""Copies of RB_IMAGEPULL with something changed: a fallback image that fails too, and one that acts although pods
serve."""

from collections.abc import Iterator

import pytest

from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from tests.builders import a_runbook
from tests.cluster.api import eventually
from tests.cluster.kubectl import Kubectl
from tests.e2e.installation import Installation
from tests.e2e.shop import FALLBACK, GOOD, MISSING, SPREAD, Shop, firing
from tests.runs import WINDOW

COPIES = "copies"
FAILS, FAILS_ON_ONE_NODE, UNPROTECTED = "RB_FALLBACK_FAILS", "RB_FALLBACK_FAILS_ON_ONE_NODE", "RB_UNPROTECTED"
BROKEN_FALLBACK, UNHEALTHY_FALLBACK = "registry.example/fallback:missing", "registry.example/fallback:unhealthy"
TEXTS = {
    FAILS: a_runbook(FAILS, FAILS, fallback=BROKEN_FALLBACK),
    FAILS_ON_ONE_NODE: a_runbook(
        FAILS_ON_ONE_NODE, FAILS_ON_ONE_NODE, fallback="registry.example/fallback:unreachable-on-node-2"
    ),
    UNPROTECTED: a_runbook(UNPROTECTED, UNPROTECTED).replace("workflow:\n", "protect_serving: false\nworkflow:\n", 1),
}


@pytest.fixture(scope="module", autouse=True)
def _copies(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A bridge with these runbooks; an alert chooses one by its label runbook_id."""
    folder = tmp_path_factory.mktemp(COPIES)
    for name, text in TEXTS.items():
        (folder / f"{name}.md").write_text(text)
    process = installation.start_bridge(COPIES, RUNMEND_RUNBOOKS=str(folder))
    yield
    installation.processes.stop(process)


def impatient(text: str) -> Plan:
    """A runbook's plan whose settle lasts no ten minutes."""
    return compile_runbook(text.encode(), "copy.md").plan.model_copy(update={"settle_seconds": 12})


async def test_a_runbook_may_act_although_the_old_revision_serves(shop: Shop) -> None:
    shop.deploy(images={"app": GOOD}, replicas=3, broken=0)
    shop.set_image(MISSING)

    await shop.resolved(shop.until_broken(1), COPIES, runbook_id=UNPROTECTED)

    assert shop.images() == {"app": FALLBACK}
    shop.assert_wrote(changes=1)


async def test_a_fallback_that_fails_too_is_not_tried_again_within_the_hour_and_another_is(shop: Shop) -> None:
    await shop.start_with(impatient(TEXTS[FAILS]), shop.deploy(replicas=1))
    failed = await shop.failed()
    broken = eventually(
        lambda: [pod for pod in shop.until_broken(1) if pod["spec"]["containers"][0]["image"] == BROKEN_FALLBACK]
    )

    assert failed.kind == "VerificationFailed"
    assert failed.message.startswith(
        "settle spent its time: the image that this run wrote cannot be pulled either: app waits ("
    )
    assert "(image not found)" in failed.message
    assert f", {BROKEN_FALLBACK}" in failed.message
    assert shop.answers(firing(broken, runbook_id=FAILS), COPIES) == ["held"]
    assert shop.images() == {"app": BROKEN_FALLBACK}
    shop.assert_wrote(changes=1)

    result = await shop.resolved(broken)

    assert result.summary.startswith(f"changed container app: {BROKEN_FALLBACK} → {FALLBACK}")
    shop.assert_wrote(changes=2)


async def test_a_fallback_that_runs_and_never_becomes_ready_is_no_recovery(shop: Shop) -> None:
    probed = {"name": "app", "image": MISSING, "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}}
    broken = shop.deploy(replicas=1, pods={"containers": [probed]}, strategy={"type": "Recreate"})

    await shop.start_with(impatient(a_runbook(fallback=UNHEALTHY_FALLBACK)), broken)
    failed = await shop.failed()

    (pod,) = shop.pods()
    assert failed.kind == "VerificationFailed"
    assert (
        failed.message
        == f"settle spent its time: {pod['metadata']['name']}: running is false (Running, app is not ready)"
    )
    shop.assert_wrote(changes=1)


async def test_a_new_pod_that_cannot_pull_on_its_node_fails_the_verification(shop: Shop, kubectl: Kubectl) -> None:
    kubectl("cordon", "node-2")
    try:
        shop.start(
            shop.deploy(pods={"affinity": SPREAD}, strategy={"type": "Recreate"}), COPIES, runbook_id=FAILS_ON_ONE_NODE
        )
        await shop.until(WINDOW)
    finally:
        kubectl("uncordon", "node-2")
    shop.namespace.patch("deployments", "web", {"spec": {"replicas": 3}})
    (stuck,) = shop.until_broken(1)

    await shop.pass_window()
    failed = await shop.failed()

    pod = stuck["metadata"]["name"]
    assert failed.kind == "VerificationFailed"
    assert f"'Pod transitions from ImagePullBackOff to Running': {pod}: app waits (" in failed.message
    assert f"'No new ImagePullBackOff events for 5 minutes': {pod}: Failed: Failed to pull image " in failed.message
    assert [verdict.status for verdict in failed.result.verdicts] == ["failed", "failed", "passed"]
    shop.assert_wrote(changes=1)
