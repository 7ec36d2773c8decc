"""`runmend rbac` and `runmend policy`: what the accounts of worker and bridge may do in a cluster, as manifests."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path

from runmend.cli.context import Misconfigured
from runmend.language.admission import policy_yaml
from runmend.language.rights import VERBS, roles_yaml
from runmend.runbook import load_directory


def print_roles(runbooks: Path | None) -> int:
    """The roles, for the verbs of a directory's runbooks; for all verbs where none is named."""
    return _print(roles_yaml, runbooks)


def print_policy(runbooks: Path | None) -> int:
    """The admission policy, for the same."""
    return _print(policy_yaml, runbooks)


def _print(manifest: Callable[[Collection[str]], str], runbooks: Path | None) -> int:
    sys.stdout.write(manifest(VERBS if runbooks is None else _verbs_of(runbooks)))
    return 0


def _verbs_of(directory: Path) -> set[str]:
    loaded = load_directory(directory)
    if loaded.problems:
        named = ", ".join(sorted(loaded.problems))
        raise Misconfigured(f"{named} does not compile (`runmend lint {directory}`), so what it needs is not known")
    return {step.operation.verb for plan in loaded.plans.values() for step in plan.steps}
