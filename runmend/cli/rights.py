"""`runmend rbac` and `runmend policy`: what the accounts of worker and bridge may do in a cluster, as manifests."""

import sys
from pathlib import Path

from runmend.cli.context import Misconfigured, load_settings
from runmend.core.kinds import has_pods
from runmend.facts.expressions import compiled
from runmend.language.admission import policy_yaml
from runmend.language.rights import roles_yaml
from runmend.plan.operations import Operation
from runmend.plan.plan import Plan
from runmend.runbook import load_directory


def print_roles(runbooks: Path | None) -> int:
    """The roles, for the commands of a directory's runbooks and for what their expressions name; for those of the
    runbooks that are set where none is named.
    """
    plans = _plans_in(runbooks)
    of_nodes = [plan for plan in plans if plan.target == "Node"]
    others = [plan for plan in plans if plan.target != "Node"]
    kinds = {plan.target for plan in others if not has_pods(plan.target)}
    sys.stdout.write(roles_yaml(_operations_of(plans), _groups_of(others), _groups_of(of_nodes), kinds))
    return 0


def print_policy(runbooks: Path | None) -> int:
    """The admission policy, for the same commands."""
    sys.stdout.write(policy_yaml(_operations_of(_plans_in(runbooks))))
    return 0


def _plans_in(runbooks: Path | None) -> list[Plan]:
    directory = runbooks or load_settings().runbooks
    loaded = load_directory(directory)
    if loaded.problems:
        named = ", ".join(sorted(loaded.problems))
        raise Misconfigured(f"{named} does not compile (`runmend lint {directory}`), so what it needs is not known")
    return list(loaded.plans.values())


def _operations_of(plans: list[Plan]) -> list[Operation]:
    return [step.operation for plan in plans for step in plan.steps]


def _groups_of(plans: list[Plan]) -> set[str]:
    """The groups of facts that expressions name, and of what they ask how much it uses."""
    named = [compiled(each) for plan in plans for each in plan.expressions]
    return {group for each in named for group in each.groups} | {
        f"usage of {of}" for each in named for of in each.usage
    }
