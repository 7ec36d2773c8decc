"""What Temporal's SDK tells of itself: its metrics on a port of their own, its logs among ours."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from runmend.core.settings import Settings
from runmend.core.telemetry import CannotServeMetrics, serve_metrics
from runmend.runs.connection import connect, runtime_for
from tests.bridge.support import Wire
from tests.cluster.processes import free_port
from tests.temporal.support import WorkerProcess
from tests.world import World

TAKEN = r"metrics cannot be served on 127\.0\.0\.1 port {port}: Address already in use"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
async def test_what_the_sdk_asks_is_served_under_its_own_names(
    temporal: str, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal)
    port = free_port()

    client = await connect(runtime_for(Settings(metrics_host=host, sdk_metrics_port=port)))
    await client.count_workflows("WorkflowId = 'nobody'")

    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {"temporal_request", "temporal_request_latency"} <= families.keys()
    asked = {sample.labels["operation"]: sample.value for sample in families["temporal_request"].samples}
    assert asked["CountWorkflowExecutions"] == 1


def test_a_port_that_is_taken_is_an_error_in_one_line_that_names_the_setting(taken: int) -> None:
    with pytest.raises(CannotServeMetrics, match="^RUNMEND_SDK_METRICS_PORT: " + TAKEN.format(port=taken) + "$"):
        runtime_for(Settings(sdk_metrics_port=taken))
    with pytest.raises(CannotServeMetrics, match="^RUNMEND_METRICS_PORT: " + TAKEN.format(port=taken) + "$"):
        serve_metrics("127.0.0.1", taken)


def test_a_host_that_is_none_is_an_error_in_words() -> None:
    with pytest.raises(
        CannotServeMetrics, match=r"^RUNMEND_SDK_METRICS_PORT: metrics cannot be served on nowhere\.invalid port 9465: "
    ):
        runtime_for(Settings(metrics_host="nowhere.invalid", sdk_metrics_port=9465))


async def test_a_worker_process_serves_both_and_what_the_sdk_warns_of_is_a_line_like_any_other(
    world: World, tmp_path: Path
) -> None:
    wire, ports = Wire(world.env.client.service_client.config.target_host), (free_port(), free_port())
    settings = {
        "RUNMEND_LOG_FORMAT": "json",
        "RUNMEND_METRICS_PORT": str(ports[0]),
        "RUNMEND_SDK_METRICS_PORT": str(ports[1]),
    }
    async with WorkerProcess(world, tmp_path / "kubeconfig", TEMPORAL_ADDRESS=await wire.open(), **settings) as process:
        async with httpx.AsyncClient(trust_env=False) as http:
            own, sdk = [(await http.get(f"http://127.0.0.1:{port}/metrics")).text for port in ports]
        assert "# TYPE runmend_runs_ended_total counter" in own
        assert "# TYPE temporal_num_pollers gauge" in sdk

        await wire.cut()
        while (line := json.loads(await process.says()))["logger"] != "temporalio.core":
            pass
    assert line.keys() >= {"time", "level", "message", "error"}
    assert line["level"] == "WARNING"
