"""`runmend rbac` and `runmend policy`: what the accounts of worker and bridge may do in a cluster, as manifests."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path

from runmend.cli.context import Misconfigured, load_settings
from runmend.language.admission import policy_yaml
from runmend.language.rights import roles_yaml
from runmend.plan.operations import Operation
from runmend.runbook import load_directory


def print_roles(runbooks: Path | None) -> int:
    """The roles, for a directory's runbooks; for those that are set where none is named."""
    return _print(roles_yaml, runbooks)


def print_policy(runbooks: Path | None) -> int:
    """The admission policy, for the same."""
    return _print(policy_yaml, runbooks)


def _print(manifest: Callable[[Collection[Operation]], str], runbooks: Path | None) -> int:
    sys.stdout.write(manifest(_operations_of(runbooks or load_settings().runbooks)))
    return 0


def _operations_of(directory: Path) -> list[Operation]:
    loaded = load_directory(directory)
    if loaded.problems:
        named = ", ".join(sorted(loaded.problems))
        raise Misconfigured(f"{named} does not compile (`runmend lint {directory}`), so what it needs is not known")
    return [step.operation for plan in loaded.plans.values() for step in plan.steps]
