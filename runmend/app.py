"""The assembly: settings → Temporal client, cluster, worker. Called by `worker.py` and the commands."""

import asyncio
import logging
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig, WorkflowRunner

from activities.observation import Observer
from activities.operations import Operations
from activities.reporting import Reporter
from activities.verification import Verifier
from runmend.converter import data_converter
from runmend.errors import PermanentError, TemporaryError
from runmend.kube.client import Cluster
from runmend.registry import Registry
from runmend.run import ALERT_NAME, FINGERPRINTS, KUBE_NAMESPACE, OUTCOME, REASON, TARGET
from runmend.settings import Settings
from runmend.telemetry import Tries, log_to, sdk_runtime, serve_metrics
from workflows.remediation import Remediation

log = logging.getLogger("runmend.worker")

CONNECT_SECONDS = 10.0
GRACE = timedelta(seconds=30)
"""How long a worker that is told to stop waits for the steps that are under way."""
THREADS = 32
"""Activities at once in one worker. A window occupies none."""
RUNNER = UnsandboxedWorkflowRunner()
"""What runs workflow code here. Temporal's sandbox, which watches it for what is not deterministic, costs a third of a run's processor
time; every workflow test runs in it, so that what would trip it never gets here."""
REGISTRATION_TRIES = 60
"""A second each."""
LEAST_RETENTION = timedelta(days=30)
SEARCH_ATTRIBUTES = {
    TARGET: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    KUBE_NAMESPACE: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    ALERT_NAME: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    FINGERPRINTS: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    OUTCOME: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    REASON: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}


class NoTemporal(TemporaryError):
    """Temporal cannot be reached."""


class WrongTemporal(PermanentError):
    """Temporal is there, and not set up for us."""


class WrongAuthorities(PermanentError):
    """RUNMEND_REGISTRY_CA_FILE cannot be used."""


async def connect(runtime: Runtime | None = None) -> Client:
    """Connect by TEMPORAL_* variables and profiles.

    Args:
        runtime: what the client runs on; `runtime_for` makes one for a process that stays. None: the SDK's default, which tells nothing.

    Raises:
        NoTemporal: nothing answers there.
        WrongTemporal: the profile cannot be read.
    """
    try:
        options = ClientConfig.load_client_connect_config()
    except (OSError, ValueError, RuntimeError) as error:
        raise WrongTemporal(f"the Temporal profile cannot be read: {error}") from error
    address = options.get("target_host") or "localhost:7233"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(**(options | {"target_host": address}), data_converter=data_converter, runtime=runtime)
    except TimeoutError as error:
        raise NoTemporal(f"Temporal at {address} cannot be reached: no answer in {CONNECT_SECONDS:g} s") from error
    except (RuntimeError, RPCError) as error:
        raise NoTemporal(f"Temporal at {address} cannot be reached: {error}") from error


def runtime_for(settings: Settings) -> Runtime:
    """What the client of a process that stays runs on: the SDK's logs among ours, its metrics where the settings say.

    Raises:
        CannotServeMetrics: the port is taken.
    """
    return sdk_runtime(settings.metrics_host, settings.sdk_metrics_port)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Translate Temporal's refusals: what may pass is `NoTemporal`, what will not is `WrongTemporal`."""
    try:
        yield
    except RPCError as error:
        passes = error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED)
        raise (NoTemporal if passes else WrongTemporal)(f"{what}: {error.message}") from error


async def register_search_attributes(client: Client) -> None:
    """Register those that are missing; what is there stays.

    Raises:
        WrongTemporal: one is there under another type, or may not be added; or the namespace is not there.
        NoTemporal: it does not answer.
    """
    with _asking("Temporal's search attributes cannot be read"):
        known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    wrong = [name for name, kind in SEARCH_ATTRIBUTES.items() if known.custom_attributes.get(name, kind) != kind]
    if wrong:
        raise WrongTemporal(f"search attributes of another type are in the way: {', '.join(wrong)}")
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known.custom_attributes}
    if not missing:
        return
    with _asking(f"search attributes cannot be registered ({', '.join(missing)})"):
        try:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise
    await _usable(client)
    log.info("search attributes registered", extra={"names": sorted(missing)})


async def _usable(client: Client) -> None:
    """Wait until the visibility store takes a query on each: a server knows a new search attribute only after seconds."""
    query = " AND ".join(f"{name} IS NULL" for name in SEARCH_ATTRIBUTES)
    for _ in range(REGISTRATION_TRIES):
        try:
            await client.count_workflows(query)
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise NoTemporal(f"Temporal cannot be asked: {error}") from error
            await asyncio.sleep(1)
        else:
            return
    raise NoTemporal(f"the search attributes are registered and cannot be queried after {REGISTRATION_TRIES} s")


async def warn_of_short_retention(client: Client) -> None:
    """What a target's last run dealt with is kept in that run; when the server forgets it, old alerts look new."""
    with _asking("Temporal's namespace cannot be read"):
        answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    retention = answer.config.workflow_execution_retention_ttl.ToTimedelta()
    if retention < LEAST_RETENTION:
        log.warning(
            "closed runs are kept for less than 30 days, so alerts that they dealt with may start new ones",
            extra={"namespace": client.namespace, "retention": str(retention)},
        )


def registry_for(settings: Settings) -> Registry:
    """Who asks registries about images, as the settings say.

    Raises:
        WrongAuthorities: the file of certificate authorities cannot be read, or holds none.
    """
    try:
        return Registry(
            allow_loopback=settings.registry_allow_loopback, token_realms=settings.token_realms, ca_file=settings.registry_ca_file
        )
    except OSError as error:
        raise WrongAuthorities(f"RUNMEND_REGISTRY_CA_FILE: {settings.registry_ca_file} cannot be used: {error.strerror}") from error


def deployment_of(settings: Settings) -> WorkerDeploymentConfig | None:
    """The version as which a worker polls; None: unversioned.

    Open runs go on with the version that is current at their next task. Pinned to the one that began them, a run that is resumed would wait
    for workers that are long gone, and keep its target from every other run; docs/changing-workflows.md.
    """
    if settings.build_id is None:
        return None
    version = WorkerDeploymentVersion(deployment_name=settings.deployment, build_id=settings.build_id)
    return WorkerDeploymentConfig(version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE)


def build_worker(
    client: Client,
    cluster: Cluster,
    settings: Settings,
    threads: ThreadPoolExecutor,
    registry: Registry | None = None,
    runner: WorkflowRunner = RUNNER,
) -> Worker:
    """A worker for the cluster's task queue.

    Args:
        client: whose namespace the runs are in.
        cluster: where they act.
        settings: the installation's.
        threads: what the activities run in.
        registry: who is asked about images. None: whom the settings say.
        runner: what the workflow code runs in.
    """
    registry = registry or registry_for(settings)
    verifier = Verifier(cluster)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[Remediation],
        activities=[
            Observer(cluster, registry).observe,
            Operations(cluster, settings.mode, settings.may_change).perform,
            verifier.settle,
            verifier.check,
            Reporter(cluster, settings.mode, settings.may_change).report,
        ],
        interceptors=[Tries()],
        workflow_runner=runner,
        deployment_config=deployment_of(settings),
        activity_executor=threads,
        max_concurrent_activities=THREADS,
        graceful_shutdown_timeout=GRACE,
    )


async def run_worker(settings: Settings, client: Client, cluster: Cluster, until: asyncio.Event, registry: Registry | None = None) -> None:
    """Work until told to stop; what runs then is finished first. `registry` as `build_worker` takes it."""
    await register_search_attributes(client)
    await warn_of_short_retention(client)
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="activity"))
        await stack.enter_async_context(build_worker(client, cluster, settings, threads, registry))
        version = {"version": f"{settings.deployment}:{settings.build_id}"} if settings.build_id else {}
        log.info("worker started", extra={"task_queue": settings.task_queue, "api_server": cluster.host, **version})
        await until.wait()
        log.info("worker stopping", extra={"task_queue": settings.task_queue})


def stop_on_signals(until: asyncio.Event) -> None:
    """Set an event on SIGTERM and SIGINT, in the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)


async def work(settings: Settings) -> None:
    """The worker process: connect, work, and stop on SIGTERM.

    Raises:
        RunmendError: Temporal or the cluster cannot be reached or used, or a setting names a file that cannot.
    """
    log_to(form=settings.log_format)
    until = asyncio.Event()
    stop_on_signals(until)
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_host, settings.metrics_port)
    registry = registry_for(settings)
    cluster = Cluster.connect(context=settings.kube_context)
    await run_worker(settings, await connect(runtime_for(settings)), cluster, until, registry)
