"""Success criteria: what a runbook's sentences compile to, and what a verdict on one says.

`language.verdicts` judges them.
"""

from enum import StrEnum
from typing import Literal

from runmend.core.frozen import Frozen


class Criterion(Frozen):
    """A success criterion as the runbook says it, the line where it stands, and the expression that it stands for.

    `must` says when the expression has to hold: `become`, when the target has settled and at the check; `stay`, at the
    check, after the window of at least `seconds`. `within` is the deadline for becoming true, in seconds, None where
    the sentence names none; `leaves` the state that it says the pod comes from.
    """

    text: str
    line: int
    expression: str = ""
    """Empty for a sentence that the compiler does not understand: reported as unverified, never as passed."""
    must: Literal["become", "stay"] = "become"
    seconds: int | None = None
    within: int | None = None
    leaves: str | None = None

    @property
    def understood(self) -> bool:
        """Whether it can be judged."""
        return bool(self.expression)


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
    """The object's own, where it is read; empty for a target of another kind."""
    pods: dict[str, str]
    """uid → name of the target's pods."""
    running: int
    events: dict[str, int]
    """uid → count of the events that speak of the runbook's states."""
    restarts: dict[str, int]
    """`pod uid/container` → restarts."""
