"""Counts and times every attempt at every activity. `worker.assembly.build_worker` puts it around them."""

import asyncio
import time
from enum import StrEnum
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, CancelledError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from runmend.core.telemetry.metrics import RETRIES, TRIES, begin_runbook


class Result(StrEnum):
    """How a try ended."""

    COMPLETED = "completed"
    WAITING = "waiting"
    """What it waits for has not come, or the API server asked to slow down: no fault."""
    CANCELLED = "cancelled"
    FAILED = "failed"


class AttemptMetrics(Interceptor):
    """The worker's interceptor."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  the SDK's name
        """Count around what comes next."""
        return _Counted(next)


class _Counted(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401  the SDK's name, and whatever it returns
        info = activity.info()
        name = info.activity_type
        if info.workflow_type:
            begin_runbook(info.workflow_type)
        for each in Result:
            TRIES.labels(activity=name, result=each.value)
        RETRIES.labels(activity=name).inc(info.attempt > 1)
        began, result = time.monotonic(), Result.FAILED
        try:
            answer = await super().execute_activity(input)
            result = Result.COMPLETED
        except (asyncio.CancelledError, CancelledError):
            result = Result.CANCELLED
            raise
        except ApplicationError as error:
            result = Result.WAITING if error.category is ApplicationErrorCategory.BENIGN else Result.FAILED
            raise
        finally:
            TRIES.labels(activity=name, result=result.value).observe(time.monotonic() - began)
        return answer
