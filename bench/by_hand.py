"""What a careful engineer would write by hand for this one runbook: the same seven activities, the same calls, the same
window, watched in the same way.

Small pydantic models, no plan that is interpreted, no report in words: the least that does the same work.
"""

import asyncio
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from bench.by_hand_work import CheckOrder, Mark, Order

RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))
OUTCOME = SearchAttributeKey.for_keyword("Outcome")
TRY, BUDGET = timedelta(seconds=30), timedelta(seconds=300)
Result = TypeVar("Result")


@workflow.defn(name="ByHand")
class ByHand:
    """Observe, inspect, patch, settle, hold, check, report."""

    def __init__(self) -> None:
        self._fingerprints: list[str] = []
        self._words = True

    @workflow.signal
    def alerts(self, fingerprints: list[str]) -> None:
        """Alerts that join."""
        self._fingerprints += fingerprints

    @workflow.run
    async def run(self, order: Order) -> str:
        """Remediate."""
        self._words = order.words
        target = f"{order.target.namespace}/{order.target.name}"
        await self._do("hand.observe", order, dict[str, str], f"observe {target}")
        await self._do("hand.events", order, int, f"events of {order.target.pod}")
        changed = await self._do("hand.patch", order, str, f"patch {target}: {order.fallback_image}")
        mark = await self._do("hand.settle", order, Mark, f"wait until {target} has recovered")
        check = CheckOrder(target=order.target, mark=mark)
        held = await self._hold(check, order.window_seconds) and await self._do("hand.check", check, bool, "check")
        report = await self._do("hand.report", f"{changed}: {'resolved' if held else 'failed'}", str, "report")
        workflow.upsert_search_attributes([OUTCOME.value_set("resolved" if held else "failed")])
        return report

    async def _hold(self, check: CheckOrder, seconds: float) -> bool:
        """The window; whether it passed unbroken."""
        watcher = workflow.start_activity(
            "hand.hold",
            check,
            summary="watch over the window" if self._words else None,
            start_to_close_timeout=TRY,
            schedule_to_close_timeout=timedelta(seconds=seconds) + BUDGET,
            retry_policy=RETRY,
        )
        watcher.add_done_callback(lambda done: done.cancelled() or done.exception())
        timer = asyncio.create_task(workflow.sleep(seconds, summary="verification window" if self._words else None))
        await workflow.wait([timer, watcher], return_when=asyncio.FIRST_COMPLETED)
        passed = not watcher.done()
        timer.cancel()
        watcher.cancel()
        return passed

    async def _do(self, name: str, order: object, result_type: type[Result], summary: str) -> Result:
        result: Result = await workflow.execute_activity(
            name,
            order,
            result_type=result_type,
            summary=summary if self._words else None,
            start_to_close_timeout=TRY,
            schedule_to_close_timeout=BUDGET,
            retry_policy=RETRY,
        )
        return result
