"""How a run can end."""

import re
from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended. Only the first four complete the workflow; the others fail it under this name as the error's
    type.
    """

    RESOLVED = "resolved"
    NOT_NEEDED = "not_needed"
    RECOMMENDED = "recommended"
    OBSERVED = "observed"
    PRECONDITION_FAILED = "PreconditionFailed"
    STEP_FAILED = "StepFailed"
    UNHANDLED = "Unhandled"
    REVERTED = "Reverted"
    VERIFICATION_FAILED = "VerificationFailed"
    CANCELLED = "cancelled"

    @property
    def completes(self) -> bool:
        """Whether the workflow completes under this outcome."""
        return self in (Outcome.RESOLVED, Outcome.NOT_NEEDED, Outcome.RECOMMENDED, Outcome.OBSERVED)


def in_words(outcome: str) -> str:
    """An outcome as a column of them shows it: `not needed`, `precondition failed`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", outcome).replace("_", " ").lower()
