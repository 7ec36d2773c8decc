"""Measure: rounds of runs, ours and by hand in turn, on one dev server and in one worker process."""

import argparse
import asyncio
import os
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from bench import alerts, compiling, cost
from bench.by_hand import ByHand
from bench.by_hand_work import Activities, Order
from bench.by_hand_work import Target as HandTarget
from bench.stub import NoRegistry, StubCluster, first_pod, lacking
from runmend.alerts.alert import Alert, Target
from runmend.core.settings import Settings
from runmend.local.processes import find_temporal
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from runmend.runs.starting import Starter
from runmend.worker.assembly import THREADS, build_worker

SEED = Path(__file__).parents[1] / "runbooks" / "RB_IMAGEPULL.md"
HAND_QUEUE = "by-hand"
ROUND_SECONDS = 120
"""The longest that a round may take; a run that is tried again and again takes longer."""
Starting = Callable[[str], Awaitable[WorkflowHandle[object, object]]]


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        choices=["throughput", "cost", "alerts", "compile"],
        default="throughput",
        help="what to measure (default: %(default)s)",
    )
    parser.add_argument(
        "--pods", type=int, nargs="+", default=[10, 100, 500, 5000], help="cost: other pods (default: 10 100 500 5000)"
    )
    parser.add_argument(
        "--alerts", type=int, default=1000, help="alerts: how many a webhook holds, two a target (default: %(default)s)"
    )
    parser.add_argument(
        "--namespaces", type=int, nargs="+", default=[1, 500], help="alerts: over how many namespaces (default: 1 500)"
    )
    parser.add_argument("--runbooks", type=int, default=1000, help="compile: how many (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=100, help="runs in a round (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=7, help="pairs of rounds that count; one more goes before (default: %(default)s)"
    )
    parser.add_argument(
        "--window", type=int, default=1, help="the verification window in seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--bare",
        action="store_true",
        help="by hand without the words for the Web UI, and without memo and search attributes",
    )
    given = parser.parse_args()
    if without := lacking():
        parser.exit(1, f"bench: error: StubCluster lacks {', '.join(without)}; the product's Cluster has them\n")
    if given.what == "cost":
        asyncio.run(cost.measure(given.pods))
    elif given.what == "compile":
        compiling.measure(given.runbooks, given.rounds)
    elif given.what == "alerts":
        asyncio.run(alerts.measure(given.alerts, given.namespaces, given.rounds))
    else:
        asyncio.run(measure(given.runs, given.rounds, given.window, bare=given.bare))
    sys.stdout.flush()
    # The SDK's threads may abort an interpreter that ends in the ordinary way (temporalio/sdk-python#300); everything
    # is closed by now.
    os._exit(0)


async def measure(runs: int, rounds: int, window: int, *, bare: bool = False) -> None:
    """Start what is needed, run the rounds, print the figures, and end it all."""
    env = await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal(), dev_server_log_level="never", data_converter=data_converter
    )
    async with env:
        await register_search_attributes(env.client)
        plan = compile_runbook(SEED.read_bytes(), SEED.name).plan.model_copy(update={"window_seconds": window})
        settings = Settings(cluster="bench")
        ours, by_hand = StubCluster(), StubCluster()
        with ThreadPoolExecutor(THREADS) as threads, ThreadPoolExecutor(THREADS) as other_threads:
            hand = Activities(by_hand)
            async with (
                build_worker(env.client, ours, settings, threads, NoRegistry()),
                Worker(
                    env.client,
                    task_queue=HAND_QUEUE,
                    workflows=[ByHand],
                    activities=[hand.observe, hand.events, hand.patch, hand.settle, hand.hold, hand.check, hand.report],
                    activity_executor=other_threads,
                    max_concurrent_activities=THREADS,
                ),
            ):
                await _pairs(runs, rounds, _ours(env.client, settings, plan), _by_hand(env.client, plan, bare=bare))


async def _pairs(runs: int, rounds: int, ours: Starting, by_hand: Starting) -> None:
    # The first pair warms caches on both sides. Who goes first changes from pair to pair: the server slows down as it
    # fills.
    await _rate(runs // 4 or 1, ours)
    await _rate(runs // 4 or 1, by_hand)
    pairs: list[tuple[Rate, Rate]] = []
    for number in range(rounds):
        if number % 2 == 0:
            mine, theirs = await _rate(runs, ours), await _rate(runs, by_hand)
        else:
            theirs, mine = await _rate(runs, by_hand), await _rate(runs, ours)
        pairs.append((mine, theirs))
        print(f"pair {number + 1}: runmend {mine}, by hand {theirs}, ratio {mine.runs / theirs.runs:.3f}", flush=True)
    ratios = [mine.runs / theirs.runs for mine, theirs in pairs]
    processor = [mine.processor_ms - theirs.processor_ms for mine, theirs in pairs]
    events = [await _events(starting) for starting in (ours, by_hand)]
    print(f"throughput ratio: median {statistics.median(ratios):.3f}, min {min(ratios):.3f}, max {max(ratios):.3f}")
    print(f"processor time of the worker per run: {statistics.median(processor):+.1f} ms against by hand (median)")
    print(f"events per run: runmend {events[0]}, by hand {events[1]}")


@dataclass(frozen=True, slots=True)
class Rate:
    """A round's figures: runs per second, and what a run cost this process, which holds worker and starter."""

    runs: float
    processor_ms: float

    def __str__(self) -> str:
        return f"{self.runs:5.1f} runs/s ({self.processor_ms:4.1f} ms each)"


async def _rate(runs: int, starting: Starting) -> Rate:
    """From the first start to the last end; all are started at once."""
    began, spent = time.perf_counter(), time.process_time()
    handles = await asyncio.gather(*(starting(f"n{uuid.uuid4().hex[:12]}") for _ in range(runs)))
    try:
        async with asyncio.timeout(ROUND_SECONDS):
            results = await asyncio.gather(*(handle.result() for handle in handles))
    except (WorkflowFailureError, TimeoutError) as error:
        why = error.cause if isinstance(error, WorkflowFailureError) else f"a round took more than {ROUND_SECONDS} s"
        raise SystemExit(f"bench: error: a run did not do its work: {why}") from error
    took, spent = time.perf_counter() - began, time.process_time() - spent
    if wrong := [result for result in results if "resolved" not in str(result)]:
        raise SystemExit(f"bench: error: {len(wrong)} runs did not do their work: {wrong[0]}")
    return Rate(runs / took, 1000 * spent / runs)


async def _events(starting: Starting) -> int:
    handle = await starting(f"n{uuid.uuid4().hex[:12]}")
    await handle.result()
    return len((await handle.fetch_history()).events)


def _ours(client: Client, settings: Settings, plan: Plan) -> Starting:
    starter = Starter(client, settings)

    async def start(namespace: str) -> WorkflowHandle[object, object]:
        target = Target(cluster=settings.cluster, namespace=namespace, kind="Deployment", name="web")
        labels = {
            "alertname": "KubePodImagePullBackOff",
            "namespace": namespace,
            "pod": first_pod(namespace),
            "container": "app",
        }
        alert = Alert(fingerprint=namespace, starts_at="2026-11-22T13:31:12.482Z", labels=labels)
        run_id = await starter.start(plan, target, (alert,), starter.options("shop"), None)
        return client.get_workflow_handle(target.workflow_id, run_id=run_id)

    return start


def _by_hand(client: Client, plan: Plan, *, bare: bool) -> Starting:
    image = plan.image_for("app") or ""

    async def start(namespace: str) -> WorkflowHandle[object, object]:
        pod = first_pod(namespace)
        attributes = TypedSearchAttributes(
            [
                SearchAttributePair(SearchAttributeKey.for_keyword("Target"), f"Deployment {namespace}/web"),
                SearchAttributePair(SearchAttributeKey.for_keyword("KubeNamespace"), namespace),
                SearchAttributePair(SearchAttributeKey.for_keyword("AlertName"), "KubePodImagePullBackOff"),
                SearchAttributePair(SearchAttributeKey.for_keyword_list("Fingerprints"), [namespace]),
            ]
        )
        return await client.start_workflow(
            "ByHand",
            Order(
                target=HandTarget(namespace=namespace, name="web", pod=pod),
                fallback_image=image,
                window_seconds=plan.window_seconds,
                words=not bare,
            ),
            id=f"hand/{namespace}/web",
            task_queue=HAND_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="alerts",
            start_signal_args=[[namespace]],
            memo=None
            if bare
            else {"episodes": {namespace: "2026-11-22T13:31:12.482Z"}, "runbook": {"title": plan.title}},
            search_attributes=None if bare else attributes,
            static_summary=None if bare else f"{plan.title}: Deployment {namespace}/web",
            static_details=None if bare else f"# {plan.title}\n\nAlert for pod {pod}",
            rpc_timeout=timedelta(seconds=10),
        )

    return start


if __name__ == "__main__":
    main()
