"""Runbooks that wait for less than they say, for runs in an embedded cluster, where everything is done in seconds.

Called by `runmend simulate`, `runmend test`, and the crash matrix of the tests.
"""

from pathlib import Path

from runmend.plan.plan import Plan
from runmend.runbook.loader import Catalog, Loaded


class Hurried(Catalog):
    """A directory's runbooks with shorter waits.

    Args:
        path: the directory.
        settle_seconds: for how long a target may take to settle at most. None: as long as each runbook says.
        window_seconds: how long windows last. None: as long as each runbook says.
    """

    def __init__(self, path: Path, *, settle_seconds: int | None = None, window_seconds: int | None = None) -> None:
        self._settle_seconds = settle_seconds
        self._window_seconds = window_seconds
        super().__init__(path)

    def _load(self) -> Loaded:
        loaded = super()._load()
        loaded.plans.update({name: self._hurried(plan) for name, plan in loaded.plans.items()})
        return loaded

    def _hurried(self, plan: Plan) -> Plan:
        waits: dict[str, int] = {}
        if self._settle_seconds is not None:
            waits["settle_seconds"] = min(plan.settle_seconds, self._settle_seconds)
        if self._window_seconds is not None:
            waits["window_seconds"] = self._window_seconds
        return plan.model_copy(update=waits)
