"""A run is done again: a new run for the same alerts, with the same plan or with the runbook as it is now."""

from temporalio.client import Client

from runmend.core.modes import strictest
from runmend.core.settings import Settings
from runmend.plan.messages import Options
from runmend.plan.plan import Plan
from runmend.plan.signatures import PlanKeys
from runmend.runs.replaying.points import NotReplayed
from runmend.runs.replaying.reading import Past, refuse_unless_good
from runmend.runs.signing import keys_of
from runmend.runs.starting import OpenAlready, Starter


async def start_again(client: Client, settings: Settings, past: Past, plan: Plan) -> str:
    """Start a new run for a closed run's alerts; its run id. Nobody holds it: a person asked.

    Raises:
        NotReplayed: a run of the target is open, or was started by somebody else meanwhile.
        TemporalUnreachable: Temporal did not take the call.
    """
    refuse_without_labels(past, plan)
    refuse_unless_signed(past, plan, keys_of(settings))
    starter = Starter(client, settings)
    target = past.given.target
    latest = await starter.latest(target)
    if latest is not None and latest.open:
        raise NotReplayed(
            f"a run of {latest.runbook_id} is open for {target}, one at a time: {past.workflow_id}@{latest.run_id}"
        )
    try:
        return await starter.start(
            plan, target, past.alerts, options_for(past, starter.options(target.namespace)), latest, replays=past.run_id
        )
    except OpenAlready as error:
        raise NotReplayed(
            f"somebody else's run of {target} started at this moment: {error}; nothing was started by this command"
        ) from error


def refuse_unless_signed(past: Past, plan: Plan, keys: PlanKeys | None) -> None:
    """Refuse a new run that no worker of the installation would do, and one that would sign what somebody else brought.

    A plan that was compiled here, from a runbook of this directory, may be signed whatever the run of the past was.

    Raises:
        NotReplayed: which, and what to do.
    """
    if keys is None and past.signature is not None:
        raise NotReplayed(
            f"{past.name} is signed, and a new run would not be: set RUNMEND_PLAN_KEY_FILE to the installation's keys"
        )
    if plan is past.given.plan:
        refuse_unless_good(past, keys)


def options_for(past: Past, now: Options) -> Options:
    """The strictest of what the run was started with and what the installation says now."""
    before = past.given.options
    modes = (before.mode, now.mode)
    serving = (before.protect_serving, now.protect_serving)
    return Options(
        mode=strictest(*modes) if any(modes) else None,
        protect_serving=True if True in serving else False if serving == (False, False) else None,
    )


def refuse_without_labels(past: Past, plan: Plan) -> None:
    """Refuse a plan whose required labels the run's alerts do not carry, as the bridge would.

    Raises:
        NotReplayed: which label is missing.
    """
    for alert in past.alerts:
        if missing := [name for name in plan.required_labels if name not in alert.labels]:
            raise NotReplayed(
                f"the runbook requires the label {missing[0]} now, which the run's alert for {' '.join(alert.about)} "
                "does not carry; "
                f"`runmend run {plan.runbook_id}` takes labels"
            )
