"""Success criteria: what a runbook's sentences compile to, and what a verdict on one says.

`language.verdicts` judges them.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from runmend.core.frozen import Frozen


class _Sentence(Frozen):
    """A criterion as the runbook says it, and the line where it stands."""

    text: str
    line: int


class PodRunning(_Sentence):
    """Becomes true: every pod of the target is Running, which is phase Running, every container ready, and the pod
    itself.

    `leaves` is the state that the pod comes from, None where the sentence names none.
    """

    check: Literal["pod-running"] = "pod-running"
    leaves: str | None = None


class ContainerStarted(_Sentence):
    """Becomes true: every container of the target's pods has started, and has not died since."""

    check: Literal["container-started"] = "container-started"


class NoNewEvents(_Sentence):
    """Stays true: no event speaks of `state` for `seconds`."""

    check: Literal["no-new-events"] = "no-new-events"
    state: str
    seconds: int | None = None


class NoRestarts(_Sentence):
    """Stays true: no container restarts for `seconds`."""

    check: Literal["no-restarts"] = "no-restarts"
    seconds: int | None = None


class Unreadable(_Sentence):
    """A sentence that the compiler does not understand: reported as unverified, never as passed."""

    check: Literal["unreadable"] = "unreadable"


Criterion = Annotated[
    PodRunning | ContainerStarted | NoNewEvents | NoRestarts | Unreadable, Field(discriminator="check")
]


class Status(StrEnum):
    """How a criterion ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNVERIFIED = "unverified"


class Verdict(Frozen):
    """A criterion's end, with what was seen."""

    text: str
    line: int
    status: Status
    evidence: str


class Watermark(Frozen):
    """What was there when the target had settled; what is new is told against it, by counts and uids, never by a
    clock.
    """

    uid: str = ""
    """The Deployment's own; empty for a target of another kind."""
    pods: dict[str, str]
    """uid → name of the target's pods."""
    running: int
    events: dict[str, int]
    """uid → count of the events that speak of the runbook's states."""
    restarts: dict[str, int]
    """`pod uid/container` → restarts."""
