"""How a worker ends whose Temporal is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from runmend.cli.main import run
from runmend.core.settings import Settings
from runmend.runs.connection import NoTemporal
from runmend.worker import assembly

SAID = (
    "Worker validation failed: Namespace default was not found or otherwise could not be described: Status { code: "
    'Unavailable, message: "tcp connect error", source: Some(tonic::transport::Error(Transport, ConnectError('
    'ConnectError("tcp connect error", 127.0.0.1:7233, Os { code: 111, kind: ConnectionRefused, message: "Connection '
    'refused" })))) }'
)
"""As the SDK's worker says it."""


async def _work(error: RuntimeError) -> int:
    """Run a worker that the SDK ends so: it cancels what waits in its block, and raises at the block's end."""

    @asynccontextmanager
    async def ending(*_: object) -> AsyncIterator[None]:
        inside = asyncio.current_task()
        assert inside
        asyncio.get_running_loop().call_soon(inside.cancel)
        try:
            yield
        except asyncio.CancelledError:
            raise error from error.__cause__

    async def nothing(_: object) -> None:
        await asyncio.sleep(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "build_worker", ending)
        patch.setattr(assembly, "register_search_attributes", nothing)
        patch.setattr(assembly, "warn_of_short_retention", nothing)
        nobody = cast("Any", type("Nobody", (), {"host": "http://127.0.0.1:1"})())
        await assembly.run_worker(Settings(), nobody, nobody, asyncio.Event())
    return 0


def test_a_temporal_that_dies_in_the_workers_first_second_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(_: object) -> int:
        return await _work(RuntimeError(SAID))

    monkeypatch.setattr("runmend.cli.worker.run_worker", dying)

    assert run(["worker"]) == 1
    assert capsys.readouterr().err == (
        "runmend: error: the worker cannot work any more: Worker validation failed: Namespace default was not found or "
        "otherwise could not be described: Connection refused; start one with `runmend dev`, or set TEMPORAL_ADDRESS\n"
    )


async def test_a_poll_that_is_refused_for_good_is_told_with_its_cause() -> None:
    error = RuntimeError("Workflow worker failed")
    error.__cause__ = RuntimeError("Poll failure: permission denied")

    with pytest.raises(NoTemporal, match="the worker cannot work any more: Poll failure: permission denied"):
        await _work(error)
