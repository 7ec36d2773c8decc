"""Each activity of a run is done only where its input was signed, in an installation that signs its plans.

`worker.assembly.build_worker` puts the interceptors around workflow and activities: the workflow's hands the run's
signature on, the activities' checks it. The keys are read when the worker starts, never by workflow code.
"""

import logging
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from activities.boundary import translated
from runmend.core.telemetry import NOT_SIGNED
from runmend.plan.messages import CheckCall, ObserveCall, ReportCall, SettleCall, StepCall
from runmend.plan.signatures import Call, NotSigned, PlanKeys
from runmend.runs.signing import HEADER, signature_in

log = logging.getLogger("runmend.worker")


class Signatures(Interceptor):
    """The worker's interceptor.

    Args:
        keys: the installation's; None: nothing is checked, and signatures are handed on all the same, for a worker
            that checks.
    """

    def __init__(self, keys: PlanKeys | None) -> None:
        self._keys = keys

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  the SDK's name
        """Check before what comes next works."""
        return _Checked(next, self._keys) if self._keys else next

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002, ARG002  the SDK's name
        """What hands a run's signature to its activities."""
        return HandingOn


class _Checked(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, keys: PlanKeys) -> None:  # noqa: A002  the SDK's name
        super().__init__(next)
        self._keys = keys

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401  the SDK's name, and whatever it returns
        with translated():
            try:
                self._keys.check(_call_of(input), signature_in(input.headers.get(HEADER)))
            except NotSigned as error:
                NOT_SIGNED.inc()
                log.warning("not signed, so not done", extra={"says": str(error)})
                raise
        return await super().execute_activity(input)


def _call_of(input: ExecuteActivityInput) -> Call:  # noqa: A002  the SDK's name
    """What the activity is asked; a step's has not been read yet.

    Raises:
        NotSigned: it is nothing that a run asks.
    """
    match input.args:
        case [[RawValue(payload=payload), *_]]:
            return activity.payload_converter().from_payload(payload, StepCall)
        case [ObserveCall() | SettleCall() | CheckCall() | ReportCall() as call]:
            return call
        case _:
            raise NotSigned("what is asked for is nothing that a run asks")


class HandingOn(WorkflowInboundInterceptor):
    """Keeps the signature that a run was started with, for its activities. Deterministic: it is in the history."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Put ours around what the workflow calls."""
        self._outbound = _WithSignature(outbound)
        super().init(self._outbound)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002, ANN401  the SDK's name, and whatever it returns
        """Take it from the start."""
        self._outbound.signature = input.headers.get(HEADER)
        return await super().execute_workflow(input)


class _WithSignature(WorkflowOutboundInterceptor):
    signature: Payload | None = None

    def start_activity(self, input: StartActivityInput) -> Any:  # noqa: A002, ANN401  the SDK's name, and its handle
        if self.signature is not None:
            input.headers = {**input.headers, HEADER: self.signature}
        return super().start_activity(input)
