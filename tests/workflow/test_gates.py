"""Steps behind gates and conditions: a gate that does not hold skips its step with what was seen, a condition that
does not hold ends the run, and what nothing reads is left to a person.
"""

from runmend.core.outcomes import Outcome
from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from tests.builders import FALLBACK, SEED
from tests.workflow.scenes import nothing_written, patches
from tests.world import World

ENTRIES = "  - action_id: get_pod_events\n  - action_id: patch_image\n"


def gated(reading: str = "", changing: str = "") -> Plan:
    text = SEED.read_text(encoding="utf-8")
    assert ENTRIES in text
    entries = f"  - action_id: get_pod_events\n{reading}  - action_id: patch_image\n{changing}"
    return compile_runbook(text.replace(ENTRIES, entries).encode(), "RB_GATED.md").plan


def changed(old: str, new: str) -> Plan:
    text = SEED.read_text(encoding="utf-8")
    assert old in text
    return compile_runbook(text.replace(old, new).encode(), "RB_GATED.md").plan


async def test_a_gate_that_holds_lets_its_step_run_and_another_is_skipped(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    plan = gated(
        "    when: workload.replicas > 5\n",
        "    when: container.state == 'waiting' && pod.phase == 'Pending'\n",
    )
    handle = await world.start(plan=plan)
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert [step.status for step in result.steps] == ["skipped", "done"]
    assert result.steps[0].summary == "its gate does not hold: workload.replicas is 1"
    assert world.images() == {"app": FALLBACK}


async def test_where_no_gate_holds_nothing_is_written_and_the_run_is_unhandled(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    failed = await world.failed(await world.start(plan=gated(changing="    unless: pod.phase == 'Pending'\n")))

    assert failed.kind == "Unhandled"
    assert failed.message.startswith(
        "the problem is there, and no step that changes something was to run; patch_image: its gate does not hold: "
        'pod.phase is "Pending" (Pending, app waits ('
    )
    assert [step.status for step in failed.result.steps] == ["done", "skipped"]
    assert nothing_written(world)


async def test_a_gate_reads_events_and_what_an_earlier_step_found_and_its_evidence_says_both(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    gate = "events.exists(e, e.reason == 'Failed' && e.count > 99) || get_pod_events.count > 99"
    failed = await world.failed(await world.start(plan=gated(changing=f"    when: {gate}\n")))

    assert failed.kind == "Unhandled"
    found = failed.result.steps[0].facts["count"]
    assert "patch_image: its gate does not hold: it holds of none of " in failed.message
    assert failed.message.endswith(f" events (reason, count); get_pod_events.count is {found}")
    assert nothing_written(world)


async def test_what_an_earlier_step_found_is_not_read_anew(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    gate = "get_pod_events.confirmed && get_pod_events.reasons['Failed'] > 0 && get_pod_events.message != ''"
    handle = await world.start(plan=gated(changing=f"    when: {gate}\n"))
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert [step.status for step in result.steps] == ["done", "done"]
    requests = world.faults.requests
    before = requests[: requests.index(patches(world)[0])]
    assert [
        request.query for request in before if "events" in request.path and "involvedObject.uid" in request.query
    ] == []


async def test_events_that_may_not_be_read_are_unknown_and_let_nothing_through(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    world.faults.add("GET", "/events", times=99, status=403)
    plan = gated("    on_error: continue\n", "    when: events.size() == 0\n")
    failed = await world.failed(await world.start(plan=plan))

    assert failed.kind == "Unhandled"
    assert (
        "its gate cannot be told: events.size(): the events of Deployment shop/web could not be read" in failed.message
    )
    assert nothing_written(world)


async def test_a_gate_that_cannot_be_told_lets_nothing_through(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    failed = await world.failed(await world.start(plan=gated(changing="    when: container.exit_code < 1\n")))

    assert failed.kind == "Unhandled"
    assert "its gate cannot be told: container.exit_code: a fact that is not there (null) was" in failed.message
    assert nothing_written(world)


async def test_a_leading_condition_that_does_not_hold_skips_its_step(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    plan = changed("If pod is in ImagePullBackOff,", "If the Deployment has more than 5 replicas,")
    failed = await world.failed(await world.start(plan=plan))

    assert failed.kind == "Unhandled"
    assert "patch_image: its gate does not hold: workload.replicas is 1" in failed.message
    assert nothing_written(world)


async def test_a_condition_that_holds_is_no_hindrance_and_another_ends_the_run(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    owned = "  - Pod must be owned by a Deployment\n"
    plan = changed(owned, f"{owned}  - The Deployment is not paused\n  - `workload.replicas > 5`\n")
    failed = await world.failed(await world.start(plan=plan))

    assert failed.kind == "PreconditionFailed"
    assert failed.message == "the condition '`workload.replicas > 5`' (line 48) does not hold: workload.replicas is 1"
    assert failed.result.reason == "a condition does not hold"
    assert nothing_written(world)


async def test_what_restricts_a_change_and_nothing_reads_makes_it_a_recommendation(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    owned = "  - Pod must be owned by a Deployment\n"
    plan = changed(owned, f"{owned}  - Only on weekdays\n")
    result = await world.completed(await world.start(plan=plan))

    assert result.outcome is Outcome.RECOMMENDED
    assert result.summary.startswith(
        "the runbook restricts this step in words that could not be read: line 47: Only on weekdays; would change "
    )
    assert result.reason == "restricted by the runbook's words"
    assert patches(world) == []


async def test_gates_read_the_node_the_alert_s_labels_and_ages_and_only_those_that_name_them(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    plan = gated(
        "    when: \"alert.severity == 'critical' || container.limits.memory < 256Mi\"\n",
        "    when: \"node.takes_pods && alert.severity == 'warning' && pod.age < 1h && !('team' in alert)\"\n",
    )
    handle = await world.start(plan=plan)
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert [step.status for step in result.steps] == ["skipped", "done"]
    assert result.steps[0].summary == (
        'its gate cannot be told: alert.severity is "warning"; '
        "container.limits.memory: a fact that is not there (null) was compared"
    )
    assert world.images() == {"app": FALLBACK}
    # By the step whose gate names it, and by nothing else of the run.
    assert len([request for request in world.faults.requests if "/nodes/" in request.path]) == 1


async def test_a_gate_about_a_node_that_may_not_be_read_lets_nothing_through_and_says_why(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    world.faults.add("GET", "/api/v1/nodes/", status=403, times=99)
    failed = await world.failed(await world.start(plan=gated(changing="    when: node.ready\n")))

    assert failed.kind == "Unhandled"
    assert "its gate cannot be told: node.ready: node node-0 could not be read: GET nodes node-0: 403" in failed.message
    assert nothing_written(world)


async def test_where_nobody_can_tell_whether_the_problem_is_there_the_run_says_so(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    plan = gated("", "    when: pods.exists(p, p.containers.exists(c, c.usage.memory > 1Gi))\n")
    plan = plan.model_copy(
        update={"state": None, "problem_expression": "pods.exists(p, p.containers.exists(c, c.usage.memory > 1Gi))"}
    )
    steps = tuple(step.model_copy(update={"state": None}) for step in plan.steps)

    failed = await world.failed(await world.start(plan=plan.model_copy(update={"steps": steps})))

    assert failed.kind == "Unhandled"
    assert failed.message.startswith("nobody can tell whether the problem is there, and no step ")
    assert failed.result.observation
    assert failed.result.observation.problem.startswith("it cannot be told: ")
