"""What a run's memo holds, under which keys, and how it grows."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from runmend.alerts.alert import Alert

EPISODES = "episodes"
"""Episode → when it was dealt with (ISO 8601): those of this run and its predecessors, 7 days, the newest 200."""
TARGET_UID = "target_uid"
"""The uid of the object that the run was started for, where it is known: another of the same name is another target."""
TROUBLES = "troubles"
"""What the run was started for, and what joined it, each as `trouble_of` names it."""
MODE = "mode"
"""What it might do by itself when it was started: the strictest of installation, runbook and run."""
RUNBOOK = "runbook"
"""{"title", "sha256", "file"} of the runbook."""
REPLAYS = "replays"
"""The run id of which this run is the replay, where a person asked for one as a new run."""

EPISODES_KEPT_DAYS = 7
EPISODES_KEPT = 200
TROUBLES_KEPT = 100
TROUBLES_BYTES = 20_000


def trouble_of(alert: Alert) -> str:
    """What an alert says is wrong with a target, whoever says it and when: `ALERTNAME/CONTAINER`.

    The fingerprint and the begin of an alert change with the exporter that it came from; this does not.
    """
    return f"{alert.name}/{alert.container}"


def with_troubles(known: Iterable[str], alerts: Iterable[Alert]) -> list[str]:
    """The memo's troubles with these alerts' added, the first ones of them where they are many."""
    kept: list[str] = []
    size = 0
    for trouble in dict.fromkeys((*known, *map(trouble_of, alerts))):
        size += len(json.dumps(trouble))
        if size > TROUBLES_BYTES or len(kept) == TROUBLES_KEPT:
            break
        kept.append(trouble)
    return kept


def remembered(episodes: dict[str, str], alerts: tuple[Alert, ...], now: datetime) -> dict[str, str]:
    """The memo's episodes with these alerts' added: 7 days, the newest 200 by when they were dealt with.

    Args:
        episodes: the memo so far, episode → ISO 8601 time.
        alerts: the alerts that are being dealt with.
        now: when; aware.
    """
    oldest = now - timedelta(days=EPISODES_KEPT_DAYS)
    kept = {episode: when for episode, when in episodes.items() if datetime.fromisoformat(when) > oldest}
    for alert in alerts:
        kept.setdefault(alert.episode, now.isoformat())
    newest = sorted(kept.items(), key=lambda item: item[1], reverse=True)[:EPISODES_KEPT]
    return dict(newest)
