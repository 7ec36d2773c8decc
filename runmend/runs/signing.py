"""Runs are started with a signature where the installation has keys; and that of a run of the past is read.

It travels in a header of the workflow, beside its input: a run without one is the same to the byte as before.
"""

from typing import Final

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle

from runmend.core.settings import Settings
from runmend.plan.messages import RunInput
from runmend.plan.signatures import PlanKeys, Signature

HEADER: Final = "runmend-signature"
_JSON: Final = {"encoding": b"json/plain"}


def keys_of(settings: Settings) -> PlanKeys | None:
    """The installation's keys, None where it signs nothing.

    Raises:
        WrongPlanKeys: the file cannot be used.
    """
    return PlanKeys.read(settings.plan_key_file, settings.cluster) if settings.plan_key_file else None


def signing(client: Client, keys: PlanKeys | None) -> Client:
    """The client, signing what it starts."""
    if keys is None:
        return client
    config = client.config()
    config["interceptors"] = [*config["interceptors"], _Signing(keys)]
    return Client(**config)


def signature_in(payload: Payload | None) -> Signature | None:
    """The signature of a header; None where there is none that can be read."""
    if payload is None:
        return None
    try:
        return Signature.model_validate_json(payload.data)
    except ValidationError:
        return None


class _Signing(Interceptor):
    """The client's interceptor."""

    def __init__(self, keys: PlanKeys) -> None:
        self._keys = keys

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  the SDK's name
        """Sign what is started, and pass all else on."""
        return _Signed(next, self._keys)


class _Signed(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, keys: PlanKeys) -> None:  # noqa: A002  the SDK's name
        super().__init__(next)
        self._keys = keys

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[object, object]:  # noqa: A002  the SDK's name
        (given,) = input.args
        if not isinstance(given, RunInput):
            raise TypeError(f"only runs are signed, and this is a {type(given).__name__}")
        payload = Payload(metadata=_JSON, data=self._keys.sign(given).model_dump_json().encode())
        input.headers = {**input.headers, HEADER: payload}
        return await super().start_workflow(input)
