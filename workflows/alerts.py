"""The alerts that a run keeps: in brief, and no more than there is room for."""

from collections.abc import Iterable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from runmend.alerts.alert import Alert
    from runmend.plan.bounds import ALERTS_BYTES, CONTAINERS_BYTES

MOST_ALERTS = 300


class KeptAlerts:
    """Alerts in the order in which they came, each episode once; `more` counts those there was no room for.

    All of them are handed to every activity, so each is kept in brief. Beyond the most, one is kept that names a
    container not named yet, while there is room.
    """

    def __init__(self) -> None:
        self.alerts: tuple[Alert, ...] = ()
        self.more = 0
        self._bytes = 0
        self._full = False

    def add(self, alerts: Iterable[Alert]) -> None:
        """Keep what is new of these."""
        mine = {alert.episode for alert in self.alerts}
        named = {alert.container for alert in self.alerts}
        for alert in alerts:
            if alert.episode in mine:
                continue
            mine.add(alert.episode)
            if self._full or (self._many and alert.container in named):
                self.more += 1
                continue
            self._keep(alert.brief, new_container=alert.container not in named)
            named.add(alert.container)

    @property
    def _many(self) -> bool:
        return len(self.alerts) >= MOST_ALERTS or self._bytes > ALERTS_BYTES

    def _keep(self, brief: Alert, *, new_container: bool) -> None:
        size = self._bytes + len(brief.model_dump_json().encode())
        few = len(self.alerts) < MOST_ALERTS and size <= ALERTS_BYTES
        if few or (new_container and size <= CONTAINERS_BYTES):
            self.alerts += (brief,)
            self._bytes = size
        else:
            self.more += 1
            self._full = size > CONTAINERS_BYTES
