"""What a run tells on its target: Kubernetes events, by which `kubectl describe` says what was changed, how it ended,
and which run did it.

Called by the changing step and by the report. Nothing hangs on an event, so one that cannot be written fails nothing
and is waited for only briefly. Its name follows from what it tells, so that telling it again writes no second one.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from runmend.alerts.alert import Target
from runmend.core.errors import RunmendError, ServerError, Unreachable
from runmend.core.kinds import BY_NAME, kind_of_name
from runmend.kube.answers import Json
from runmend.kube.client import FIELD_MANAGER, Cluster

log = logging.getLogger("runmend.changes")

LONGEST_MESSAGE = 1024
"""In bytes. This version of the API takes more, its successor (events.k8s.io) does not."""
LONGEST_NAME = 253
HASH_DIGITS = 16
PATIENCE_SECONDS = 5.0
"""The longest that is waited for an event to be written."""
TRIES = 2
"""How often it is sent at most, within that time, where the API server does not say whether it was written."""

OF_NO_NAMESPACE = "default"
"""Where events are that are about objects in no namespace."""


class Fact(StrEnum):
    """What is told: the event's reason."""

    CHANGED = "RemediationApplied"
    RESOLVED = "RemediationResolved"
    FAILED = "RemediationFailed"
    CANCELLED = "RemediationCancelled"


@dataclass(frozen=True, slots=True)
class Author:
    """The run that tells."""

    runbook: str
    workflow: str
    run: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing that a run tells of its target; `uid` is the target's, `step` the id of the step that made a change."""

    fact: Fact
    target: Target
    uid: str
    words: str
    author: Author
    step: str = ""

    @property
    def name(self) -> str:
        """The event's name, the same whenever this is told: the target's, and a hash of the run and of what it
        tells.
        """
        told = f"{self.author.workflow}\n{self.author.run}\n{self.fact}\n{self.step}"
        digest = hashlib.sha256(told.encode()).hexdigest()[:HASH_DIGITS]
        start = self.target.name[: LONGEST_NAME - 1 - HASH_DIGITS].rstrip(".-")
        return f"{start}.{digest}"

    @property
    def message(self) -> str:
        """The words in one line, and by which runbook and run; the words are what is cut."""
        author = f" (runbook {self.author.runbook}, run {self.author.workflow} @ {self.author.run})"
        return _within(f"{_within(self.words, LONGEST_MESSAGE - len(author.encode()))}{author}", LONGEST_MESSAGE)

    @property
    def namespace(self) -> str:
        """Where the event is."""
        return self.target.namespace or OF_NO_NAMESPACE

    def event(self, now: datetime) -> Json:
        """The event as the API takes it."""
        involved = {"kind": self.target.kind, "name": self.target.name, "uid": self.uid} | (
            {"namespace": self.target.namespace} if self.target.namespace else {}
        )
        version = _api_version(self.target.kind)
        moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "involvedObject": involved | ({"apiVersion": version} if version else {}),
            "type": "Warning" if self.fact is Fact.FAILED else "Normal",
            "reason": self.fact.value,
            "message": self.message,
            "count": 1,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
        }


def announce(cluster: Cluster, told: Announcement, seconds: float = PATIENCE_SECONDS) -> str:
    """Write the event where it is not there yet.

    Args:
        cluster: where.
        told: what it says.
        seconds: for how long at most; for `PATIENCE_SECONDS` where that is less.

    Returns:
        What kept it from being written, in words for the run's report; empty where nothing did.
    """
    until = time.monotonic() + min(seconds, PATIENCE_SECONDS)
    event, why = told.event(datetime.now(UTC)), "there was no time left for it"
    about = {"object": str(told.target), "event": told.name, "reason": told.fact.value}
    for _ in range(TRIES):
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            created = cluster.create_event(told.namespace, event, seconds=left)
        except (Unreachable, ServerError) as error:
            why = str(error)
        except RunmendError as error:
            why = str(error)
            break
        else:
            if created:
                log.info("event created", extra=about)
            return ""
    log.warning("event not created", extra=about | {"why": why})
    return f"the event {told.fact.value} was not written on {told.target}: {why}"


def _within(text: str, longest: int) -> str:
    """A text in one line of characters that can be printed, cut to so many bytes: it may come from anywhere, and goes
    to terminals.
    """
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    encoded = line.encode()
    if len(encoded) <= longest:
        return line
    mark = "…"
    return encoded[: max(longest - len(mark.encode()), 0)].decode(errors="ignore") + mark


def _api_version(kind: str) -> str:
    """Empty of a custom resource, which the API server accepts and `kubectl describe` does not look at."""
    return kind_of_name(kind).api_version if kind in BY_NAME else ""
