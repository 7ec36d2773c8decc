"""The worker: its activities, its workflow, and how it starts and ends.

Called by `worker.py`, the commands and the demo.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig, WorkflowRunner

from activities.boundary import BoundedResults
from activities.holding import Holder
from activities.observation import Observer
from activities.operations import Operations
from activities.reporting import Reporter
from activities.verification import Verifier
from runmend.core.errors import PermanentError
from runmend.core.files import check_small
from runmend.core.settings import Settings
from runmend.core.stopping import stop_on_signals
from runmend.core.telemetry import log_to, serve_metrics
from runmend.core.telemetry.attempts import AttemptMetrics
from runmend.images.registry import Registry
from runmend.kube.client import Cluster
from runmend.outside.addresses import Addresses
from runmend.outside.asking import Outsiders
from runmend.outside.fetching import trusting
from runmend.outside.prometheus import Prometheus
from runmend.runs.connection import (
    NoTemporal,
    connect,
    register_search_attributes,
    runtime_for,
    warn_of_short_retention,
)
from runmend.runs.routing import may_change
from runmend.runs.signing import keys_of
from runmend.worker.heartbeats import INTERVAL, Heartbeats
from runmend.worker.signatures import Signatures
from workflows.remediation import Remediation

log = logging.getLogger("runmend.worker")

GRACE = timedelta(seconds=50)
"""How long a worker that is told to stop waits for the steps that are under way; longer than a write may take."""
THREADS = 32
"""Activities at once in one worker. A window occupies none."""
STICKY = timedelta(seconds=2)
"""How long a run's next task waits for the worker that had its last one, before any other gets it."""
AUTHORITIES_MAX = 4 * 1024 * 1024
"""Bytes of a file of certificate authorities; all the public ones have a quarter of one."""
RUNNER = UnsandboxedWorkflowRunner()
"""What runs workflow code here. Temporal's sandbox, which watches it for what is not deterministic, costs a third of a
run's processor time; every workflow test runs in it, so that what would trip it never gets here."""


class WrongAuthorities(PermanentError):
    """A file of certificate authorities cannot be used."""


def registry_for(settings: Settings) -> Registry:
    """Who asks registries about images, as the settings say.

    Raises:
        WrongAuthorities: the file of certificate authorities cannot be read, or holds none.
    """
    try:
        if settings.registry_ca_file is not None:
            check_small(settings.registry_ca_file, AUTHORITIES_MAX)
        return Registry(
            networks=settings.networks,
            token_realms=settings.token_realms,
            ca_file=settings.registry_ca_file,
        )
    except OSError as error:
        raise WrongAuthorities(
            f"RUNMEND_REGISTRY_CA_FILE: {settings.registry_ca_file} cannot be used: {error.strerror}"
        ) from error


def outsiders_for(settings: Settings) -> Outsiders:
    """Whom expressions may ask besides Kubernetes, as the settings say.

    Raises:
        WrongAuthorities: the file of certificate authorities cannot be read, or holds none.
    """
    url, token, seconds = settings.prometheus_url, settings.prometheus_token_file, settings.answer_seconds
    tls = None
    if settings.answer_ca_file is not None:
        try:
            check_small(settings.answer_ca_file, AUTHORITIES_MAX)
            tls = trusting(settings.answer_ca_file)
        except OSError as error:
            raise WrongAuthorities(
                f"RUNMEND_ANSWER_CA_FILE: {settings.answer_ca_file} cannot be used: {error.strerror}"
            ) from error
    prometheus = Prometheus(url, token_file=token, seconds=seconds, tls=tls) if url else None
    return Outsiders(prometheus, Addresses(settings.hosts_asked, seconds, tls))


def deployment_of(settings: Settings) -> WorkerDeploymentConfig | None:
    """The version as which a worker polls; None: unversioned.

    Open runs go on with the version that is current at their next task. Pinned to the one that began them, a run that
    is resumed would wait for workers that are long gone, and keep its target from every other run;
    docs/changing-workflows.md.
    """
    if settings.build_id is None:
        return None
    version = WorkerDeploymentVersion(deployment_name=settings.deployment, build_id=settings.build_id)
    return WorkerDeploymentConfig(
        version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE
    )


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

    Raises:
        WrongPlanKeys: the file of keys cannot be used.
        WrongAuthorities: a file of certificate authorities cannot be used.
    """
    registry = registry or registry_for(settings)
    outsiders = outsiders_for(settings)
    verifier, allowed = Verifier(cluster, outsiders), partial(may_change, settings)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[Remediation],
        activities=[
            Observer(cluster, registry, outsiders).observe,
            Operations(cluster, settings.mode_in, allowed, outsiders).perform,
            verifier.settle,
            Holder(cluster, settings.look_seconds, outsiders).hold,
            verifier.check,
            Reporter(cluster, settings.mode_in, allowed).report,
        ],
        # Signatures first: what somebody brought gets no metric of its own names.
        interceptors=[Signatures(keys_of(settings)), AttemptMetrics(), BoundedResults(), Heartbeats()],
        workflow_runner=runner,
        deployment_config=deployment_of(settings),
        activity_executor=threads,
        max_concurrent_activities=THREADS,
        max_heartbeat_throttle_interval=INTERVAL,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
    )


async def run_worker(
    settings: Settings, client: Client, cluster: Cluster, until: asyncio.Event, registry: Registry | None = None
) -> None:
    """Work until told to stop; what runs then is finished first. `registry` as `build_worker` takes it.

    Raises:
        NoTemporal: Temporal does not answer, or no longer lets the worker work.
        WrongTemporal: it is not set up for us.
    """
    await register_search_attributes(client)
    await warn_of_short_retention(client)
    try:
        async with AsyncExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="activity"))
            await stack.enter_async_context(build_worker(client, cluster, settings, threads, registry))
            version = {"version": f"{settings.deployment}:{settings.build_id}"} if settings.build_id else {}
            log.info("worker started", extra={"task_queue": settings.task_queue, "api_server": cluster.host, **version})
            await until.wait()
            log.info("worker stopping", extra={"task_queue": settings.task_queue})
    except RuntimeError as error:
        # The SDK's worker ends so, without a class of its own, where Temporal is gone before it was asked for anything,
        # and where a poll is refused for good.
        raise NoTemporal(f"the worker cannot work any more: {error.__cause__ or error}") from error


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
    keys_of(settings)  # a file that cannot be used is said before anything is asked
    cluster = Cluster.connect(context=settings.kube_context)
    await run_worker(settings, await connect(runtime_for(settings)), cluster, until, registry)
