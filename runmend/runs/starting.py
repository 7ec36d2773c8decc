"""How a target's runs are looked up, started, joined and told of what has resolved.

Called by the bridge and by commands that start runs.

A target's workflow id is its lock: one call describes its latest run, one call starts the next or joins the one that is
open.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from runmend.alerts.alert import Alert, Target
from runmend.core.errors import PermanentError, TemporaryError
from runmend.core.modes import Mode, strictest
from runmend.core.outcomes import Outcome
from runmend.core.settings import Settings
from runmend.plan.attributes import (
    ALERT_NAME,
    FINGERPRINTS,
    KUBE_NAMESPACE,
    OUTCOME,
    TARGET,
    keyword,
    with_fingerprints,
)
from runmend.plan.memo import EPISODES, MODE, REPLAYS, RUNBOOK, TARGET_UID, TROUBLES, remembered, with_troubles
from runmend.plan.messages import JOIN_SIGNAL, RESOLVED_SIGNAL, Joining, Options, RunInput
from runmend.plan.plan import Plan
from runmend.reports.static_details import details_of, summary_of
from runmend.runs.signing import keys_of, signing
from runmend.runs.visibility import quoted

RPC_TIMEOUT: Final = timedelta(seconds=10)
WORKFLOW_ID_MAX: Final = 255
"""How many bytes of a workflow id every server takes: it is what a server on PostgreSQL or MySQL keeps. Others take
more."""
STEPS_TIME: Final = timedelta(hours=24)
"""How long a run may take besides what its plan waits for: its tries, and outages of workers and clusters."""
TASK_TIME: Final = timedelta(seconds=5)
"""After how long a worker that decides what a run does next, which takes milliseconds, counts as dead."""
RESOLVED_MAX: Final = 50
"""How many resolved alerts a run is told of at once one by one; of more their number."""
ALERT_MAX: Final = 16_000
"""How many bytes the labels of one alert take in a start, as JSON."""
PLAN_MAX: Final = 500_000
"""How many bytes a plan may have as JSON: Temporal refuses an input of more than 2 MB for good, and a run hands its
plan on with its alerts."""
HISTORY_EVENTS: Final = 10_000
HISTORY_BYTES: Final = 10_000_000
"""How long a run's history may be for it to be told anything more. Temporal ends a run at 51,200 events or 50 MB."""
_FINGERPRINTS_A_QUERY: Final = 200
_MESSAGE_SHOWN: Final = 300

_TARGET = SearchAttributeKey.for_keyword(TARGET)
_KUBE_NAMESPACE = SearchAttributeKey.for_keyword(KUBE_NAMESPACE)
_ALERT_NAME = SearchAttributeKey.for_keyword(ALERT_NAME)
_OUTCOME = SearchAttributeKey.for_keyword(OUTCOME)
_FINGERPRINTS = SearchAttributeKey.for_keyword_list(FINGERPRINTS)


class TemporalUnreachable(TemporaryError):
    """Temporal did not take the call."""


class PlanTooLarge(PermanentError):
    """A runbook's plan is larger than what a run can be started with."""


class OpenAlready(TemporaryError):
    """A run of the target is open, and was not to be joined."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest run of a target, open or closed.

    `episodes` (episode → when it was dealt with), `troubles` and `target_uid` are its memo's, what the run added
    included; `sha256` and `mode` are what it was started with, `outcome` what its search attribute says, empty while
    there is none.
    """

    run_id: str
    runbook_id: str
    status: WorkflowExecutionStatus
    closed_at: datetime | None = None
    episodes: Mapping[str, str] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    target_uid: str = ""
    sha256: str = ""
    outcome: str = ""
    mode: str = ""
    full: bool = False
    """Whether its history is so long that it is told nothing more."""

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return self.closed_at is None

    @property
    def failed(self) -> bool:
        """Whether it ended without having done its work. One that a person cancelled or terminated has not failed."""
        return self.status in (WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT)

    @property
    def left_trouble(self) -> bool:
        """Whether it ended with the trouble still there: it failed, or was only meant to recommend, or to read."""
        return self.failed or self.outcome in (Outcome.RECOMMENDED, Outcome.OBSERVED)

    @property
    def was_to_recommend(self) -> bool:
        """Whether it ended without having been allowed to change anything."""
        return not self.open and self.outcome == Outcome.RECOMMENDED and self.mode == Mode.RECOMMEND

    def had(self, uid: str) -> Callable[[Alert], bool]:
        """Tells of an alert whether this run dealt with its trouble, of the object that has this uid."""
        if uid and self.target_uid and uid != self.target_uid:
            return lambda _: False
        known: dict[str, set[str]] = {}
        for name, _, container in (trouble.rpartition("/") for trouble in self.troubles):
            known.setdefault(name, set()).add(container)
        return lambda alert: (
            bool(known.get(alert.name, set()) & {alert.container, ""}) or (not alert.container and alert.name in known)
        )

    def knows(self, alert: Alert) -> bool:
        """Whether this run, or one before it, has dealt with the alert's episode."""
        return alert.episode in self.episodes


@dataclass(frozen=True, slots=True)
class OpenRun:
    """An open run that was started for alerts with these fingerprints."""

    workflow_id: str
    run_id: str
    runbook_id: str
    fingerprints: frozenset[str]


class Told(StrEnum):
    """Whether a run was told of something."""

    YES = "yes"
    CLOSED = "closed"
    """It has closed meanwhile."""
    FULL = "full"
    """Its history is so long that it is told nothing more."""


class Starter:
    """Starts runs on the installation's task queue, signed where the settings name keys, and finds them again.

    Raises:
        WrongPlanKeys: the file of keys cannot be used.
    """

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = signing(client, keys_of(settings))
        self._settings = settings
        self._sizes: dict[str, int] = {}
        """How many bytes plans have, by their runbook's sha256."""

    def options(self, namespace: str) -> Options:
        """What the installation's settings say of every run in a namespace."""
        return Options(mode=self._settings.mode_in(namespace), protect_serving=self._settings.protect_serving)

    async def latest(self, target: Target) -> Latest | None:
        """The target's latest run, None where there was none within the retention. One call, strongly consistent.

        Raises:
            TemporalUnreachable: Temporal did not take the call.
        """
        try:
            with _temporal("describe"):
                found = await self._client.get_workflow_handle(target.workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
        except _NotThere:
            return None
        return await _latest(found)

    async def start(
        self,
        plan: Plan,
        target: Target,
        alerts: tuple[Alert, ...],
        options: Options,
        latest: Latest | None,
        *,
        uid: str = "",
        replays: str = "",
    ) -> str:
        """Start a run for these alerts, or join the one that is open. One call; Temporal holds them when it returns.

        An open run gets the alerts by signal alone. A new one has them in its input as well, and remembers with
        `latest`'s episodes.

        A new one also has an end, `time_for` its plan. The workflow id is the target's lock: a run that could stay open
        for ever (no worker comes back, a fault in its code fails its every task) would keep all others from the target.
        Temporal itself ends it then, as timed out, which counts as failed.

        Args:
            plan: what to run; its runbook_id is the workflow's type.
            target: what to fix; its workflow id is the lock.
            alerts: what asks for it.
            options: what settings and command say.
            latest: the target's latest run as it was found.
            uid: the target's, where it is known.
            replays: the run id of which this is the replay; a replay joins no open run.

        Returns:
            The id of the run that has the alerts.

        Raises:
            OpenAlready: a replay was to be started, and a run is open.
            PlanTooLarge: Temporal would never take it.
            TemporalUnreachable: Temporal did not take the call.
        """
        if plan.sha256 not in self._sizes:
            self._sizes = {plan.sha256: len(plan.model_dump_json().encode())}
        if (size := self._sizes[plan.sha256]) > PLAN_MAX:
            raise PlanTooLarge(f"the plan of {plan.runbook_id} has {size} bytes, and a run takes {PLAN_MAX}")
        before = dict(latest.episodes) if latest else {}
        memo: dict[str, Any] = {
            EPISODES: remembered(before, alerts, datetime.now(UTC)),
            TARGET_UID: uid,
            TROUBLES: with_troubles((), alerts),
            MODE: strictest(plan.mode, options.mode).value,
            RUNBOOK: {"title": plan.title, "sha256": plan.sha256, "file": plan.file},
        }
        if replays:
            memo[REPLAYS] = replays
        with _temporal("start"):
            handle = await self._client.start_workflow(
                plan.runbook_id,
                RunInput(plan=plan, target=target, alerts=alerts, options=options),
                id=target.workflow_id,
                task_queue=self._settings.task_queue,
                execution_timeout=time_for(plan),
                task_timeout=TASK_TIME,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL if replays else WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                start_signal=None if replays else JOIN_SIGNAL,
                start_signal_args=() if replays else [Joining(runbook_id=plan.runbook_id, alerts=alerts)],
                memo=memo,
                search_attributes=_attributes(target, alerts),
                static_summary=summary_of(plan, target),
                static_details=details_of(plan, target, alerts),
                rpc_timeout=RPC_TIMEOUT,
            )
        return handle.result_run_id or ""

    async def open_runs(self, fingerprints: Collection[str]) -> tuple[OpenRun, ...]:
        """The open runs that were started for alerts with any of these fingerprints, as far as the visibility store
        knows yet.

        Raises:
            TemporalUnreachable: Temporal did not take the call.
        """
        wanted = sorted(set(fingerprints))
        found: dict[str, OpenRun] = {}
        for begin in range(0, len(wanted), _FINGERPRINTS_A_QUERY):
            any_of = ", ".join(quoted(fingerprint) for fingerprint in wanted[begin : begin + _FINGERPRINTS_A_QUERY])
            query = (
                f"ExecutionStatus = 'Running' AND TaskQueue = {quoted(self._settings.task_queue)} AND "
                f"{FINGERPRINTS} IN ({any_of})"
            )
            with _temporal("list"):
                async for run in self._client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
                    found[run.run_id] = _open_run(run)
        return tuple(found.values())

    async def signal_resolved(self, run: OpenRun, alerts: tuple[Alert, ...]) -> Told:
        """Tell an open run that alerts have resolved.

        Raises:
            TemporalUnreachable: Temporal did not take the call.
        """
        handle = self._client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
        # A run remarks on some of them; a signal with all of a large group's labels would be refused for good.
        brief = tuple(alert.brief for alert in alerts[:RESOLVED_MAX])
        joining = Joining(runbook_id=run.runbook_id, alerts=brief, more=len(alerts) - len(brief))
        try:
            with _temporal("describe"):
                found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            if _is_full(found):
                return Told.FULL
            with _temporal("signal"):
                await handle.signal(RESOLVED_SIGNAL, joining, rpc_timeout=RPC_TIMEOUT)
        except _NotThere:
            return Told.CLOSED
        return Told.YES


def time_for(plan: Plan) -> timedelta:
    """After how long a run of a plan is ended, wherever it is by then: 24 hours more than the plan waits for."""
    return STEPS_TIME + timedelta(seconds=plan.settle_seconds + plan.window_seconds)


class _NotThere(Exception):
    """There is no such run, or it has closed."""


@contextmanager
def _temporal(call: str) -> Iterator[None]:
    """Translate what Temporal answers.

    Whatever it is, trying again is right: the same call succeeds once an operator has mended a missing namespace,
    permission or search attribute, so an alert must not be dropped for it.
    """
    try:
        yield
    except WorkflowAlreadyStartedError as error:
        raise OpenAlready(f"{error.workflow_id}@{error.run_id}") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and call in ("describe", "signal"):
            raise _NotThere from error
        raise TemporalUnreachable(
            f"Temporal did not take the call ({call}): {error.status.name}: {error.message[:_MESSAGE_SHOWN]}"
        ) from error


async def _latest(found: WorkflowExecutionDescription) -> Latest:
    memo = await found.memo()
    episodes = {episode: when for episode, when in _texts(memo.get(EPISODES)).items() if _is_a_time(when)}
    return Latest(
        run_id=found.run_id,
        runbook_id=found.workflow_type,
        status=found.status or WorkflowExecutionStatus.RUNNING,
        closed_at=found.close_time,
        episodes=episodes,
        troubles=tuple(trouble for trouble in _list(memo.get(TROUBLES)) if isinstance(trouble, str)),
        target_uid=str(memo.get(TARGET_UID) or ""),
        sha256=_texts(memo.get(RUNBOOK)).get("sha256", ""),
        mode=str(memo.get(MODE) or ""),
        outcome=found.typed_search_attributes.get(_OUTCOME) or "",
        full=_is_full(found),
    )


def _is_full(found: WorkflowExecutionDescription) -> bool:
    history = found.raw_info
    return history.history_length > HISTORY_EVENTS or history.history_size_bytes > HISTORY_BYTES


def _texts(value: Any) -> dict[str, str]:  # noqa: ANN401  a memo holds whatever was put there
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}


def _list(value: Any) -> list[Any]:  # noqa: ANN401  a memo holds whatever was put there
    return value if isinstance(value, list) else []


def _is_a_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _open_run(run: WorkflowExecution) -> OpenRun:
    fingerprints = run.typed_search_attributes.get(_FINGERPRINTS) or ()
    return OpenRun(
        workflow_id=run.id, run_id=run.run_id, runbook_id=run.workflow_type, fingerprints=frozenset(fingerprints)
    )


def _attributes(target: Target, alerts: tuple[Alert, ...]) -> TypedSearchAttributes:
    name = next((alert.name for alert in alerts if alert.name), "")
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(_TARGET, keyword(str(target))),
        SearchAttributePair(_FINGERPRINTS, with_fingerprints((), alerts)),
    ]
    if target.namespace:
        pairs.append(SearchAttributePair(_KUBE_NAMESPACE, target.namespace))
    if name:
        pairs.append(SearchAttributePair(_ALERT_NAME, keyword(name)))
    return TypedSearchAttributes(pairs)
