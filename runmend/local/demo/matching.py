"""Which scenario shows a runbook at work. Called by `runmend simulate`, and by the crash matrix of the tests."""

from runmend.core.errors import PermanentError
from runmend.core.outcomes import Outcome
from runmend.core.wording import listed
from runmend.local.demo.broken import SCENARIOS, Scenario
from runmend.plan.plan import Plan


class NoScenario(PermanentError):
    """Nothing is known to break for a runbook."""


def scenario_for(plan: Plan) -> Scenario:
    """What is broken for a runbook: of the scenarios of its alerts, the first that a shipped runbook mends, else the
    first of all.

    Raises:
        NoScenario: none is of its alerts.
    """
    found = [each for each in SCENARIOS.values() if each.alertname in plan.alertnames]
    if not found:
        raise NoScenario(
            f"{plan.runbook_id}: nothing is known to break for {listed(plan.alertnames, 'and')}; choose with "
            f"--scenario: {listed([*SCENARIOS])}; or bring your own objects with `runmend test`"
        )
    return next((each for each in found if each.expects is Outcome.RESOLVED), found[0])
