"""Signed plans: what the activities of a run may be asked is signed when it is started, and each activity checks its
own input against that before anything is read.

Temporal is between whoever starts a run and the worker, and whoever may start a workflow there can bring a plan. With
keys that Temporal does not have, the worker does what an installation's bridge or commands have asked for, and nothing
else. A signature is a list of digests, one for each input that the run's activities can get, and an HMAC-SHA256 over
the list: whoever checks a step needs the step alone, and not the whole plan.
"""

import hashlib
import hmac
import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_origin

from pydantic import BaseModel

from runmend.core.errors import PermanentError
from runmend.core.files import read_small
from runmend.core.frozen import Frozen
from runmend.core.modes import Mode
from runmend.plan.criteria import Watermark
from runmend.plan.messages import CheckCall, ObserveCall, ReportCall, RunInput, RunResult, SettleCall, StepCall
from runmend.plan.reasons import NOT_SIGNED

Call = ObserveCall | StepCall | SettleCall | CheckCall | ReportCall
"""What an activity of a run can be asked."""

KEY_CHARACTERS: Final = 32
"""A key has at least as many; `openssl rand -hex 32` makes 64."""
KEYS_MOST: Final = 16
_FILE_BYTES: Final = 64 * 1024
_MAKE_ONE: Final = "make one with: umask 077; openssl rand -hex 32 > plan-keys"

# What is not known when a run is started: what comes by signal, what the run has found and done, and the values that it
# has read and calculated, which fill commands that are signed. The problem that a check asks again adds words to a
# report, and decides nothing; it is open so that runs go on that were signed before it was asked.
_OPEN: Final[dict[type[BaseModel], frozenset[str]]] = {
    ObserveCall: frozenset({"alerts"}),
    StepCall: frozenset({"alerts", "run_id", "values", "before", "containers"}),
    SettleCall: frozenset({"changes", "uid", "removed"}),
    CheckCall: frozenset({"changes", "watermark", "removed", "problem", "alerts"}),
    RunResult: frozenset(RunResult.model_fields) - {"runbook_id", "title", "sha256", "target", "mode"},
}


class WrongPlanKeys(PermanentError):
    """The file of RUNMEND_PLAN_KEY_FILE cannot be used."""


class NotSigned(PermanentError):
    """The run was not signed by this installation."""

    reason = NOT_SIGNED


class Signature(Frozen):
    """What was signed: the digests of all that the run's activities may be asked, and the HMAC over them."""

    version: Literal[1] = 1
    digests: tuple[str, ...]
    mac: str


@dataclass(frozen=True, slots=True, repr=False)
class PlanKeys:
    """An installation's keys: the first signs, each of them is good for checking.

    `cluster` is whose targets are signed and checked.
    """

    keys: tuple[bytes, ...]
    cluster: str

    @classmethod
    def read(cls, path: Path, cluster: str) -> "PlanKeys":
        """The keys of a file: one on each line; blank lines and those that begin with # are passed over.

        Raises:
            WrongPlanKeys: it cannot be read, others can read it, or what it holds are no keys.
        """
        named = f"RUNMEND_PLAN_KEY_FILE {path}"
        try:
            held, status = read_small(path, _FILE_BYTES)
        except OSError as error:
            raise WrongPlanKeys(f"{named} cannot be read: {error.strerror}; {_MAKE_ONE}") from error
        if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise WrongPlanKeys(f"{named} is open to every user of this machine; chmod o-rw {path}")
        lines = [line.strip() for line in held.splitlines()]
        keys = tuple(line for line in lines if line and not line.startswith(b"#"))
        if not keys:
            raise WrongPlanKeys(f"{named} is empty; {_MAKE_ONE}")
        if len(keys) > KEYS_MOST:
            raise WrongPlanKeys(f"{named} holds more than {KEYS_MOST} keys; leave out those that no open run needs")
        for number, key in enumerate(keys, 1):
            if len(key) < KEY_CHARACTERS or not key.isascii() or not key.decode().isprintable() or b" " in key:
                raise WrongPlanKeys(
                    f"{named}: key {number} is none: each is a line of {KEY_CHARACTERS} or more printable ASCII "
                    f"characters without blanks; {_MAKE_ONE}"
                )
        return cls(keys, cluster)

    def sign(self, given: RunInput) -> Signature:
        """What a run that is started so may do."""
        digests = tuple(dict.fromkeys(_digest(call) for call in _calls(given)))
        return Signature(digests=digests, mac=_mac(self.keys[0], digests))

    def check(self, call: Call, signature: Signature | None) -> None:
        """Look whether a call is one that was signed.

        Raises:
            NotSigned: it is not; why, and what to do.
        """
        self._check_keys(signature)
        target = call.result.target if isinstance(call, ReportCall) else call.target
        if target.cluster != self.cluster:
            raise NotSigned(f"the run is for cluster {target.cluster}, and this installation is of {self.cluster}")
        if signature and _digest(call) not in signature.digests:
            raise NotSigned(
                "what is asked for is not what was signed when the run was started: another plan, target or mode; "
                "somebody with access to Temporal may have made it"
            )

    def check_start(self, given: RunInput, signature: Signature | None) -> None:
        """Look whether a run's whole input is what was signed.

        Raises:
            NotSigned: it is not; why, and what to do.
        """
        for call in _calls(given):
            self.check(call, signature)

    def _check_keys(self, signature: Signature | None) -> None:
        if signature is None:
            raise NotSigned(
                "the run carries no signature, and RUNMEND_PLAN_KEY_FILE asks for one: set it to the same keys where "
                "runs are started, for the bridge and for commands, and start it again (`runmend replay --latest`)"
            )
        mac = signature.mac.encode()
        if not any(hmac.compare_digest(_mac(key, signature.digests).encode(), mac) for key in self.keys):
            raise NotSigned(
                "the run's signature is by none of the keys in RUNMEND_PLAN_KEY_FILE: whoever started it has other "
                "keys, or its key was taken out of the file; put the key back, or start it again (`runmend replay "
                "--latest`)"
            )


def _calls(given: RunInput) -> Iterator[Call]:
    """All that the activities of a run can be asked, but for what is open."""
    plan, target = given.plan, given.target
    yield ObserveCall(plan=plan, target=target, alerts=())
    for number in range(1, len(plan.steps) + 1):
        yield StepCall.of(given, number, "", alerts=())
        if plan.steps[number - 1].part > 1:
            # Where an earlier command of its action is only recommended, this one is as well.
            yield StepCall.of(given, number, "", alerts=(), mode=Mode.RECOMMEND)
    yield SettleCall(state=plan.state, criteria=plan.criteria, target=target, changes=())
    # Open as well: any watermark will do.
    mark = Watermark(pods={}, running=0, events={}, restarts={})
    yield CheckCall(state=plan.state, criteria=plan.criteria, target=target, changes=(), watermark=mark)
    yield ReportCall(result=RunResult.begun(given, None))


def _digest(call: Call) -> str:
    text = json.dumps([type(call).__name__, _canonical(call)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> Any:  # noqa: ANN401  whatever JSON can be
    """A value as JSON, without what is at its default.

    A field that a later version adds is then no difference, so that runs go on that were signed before. A `Literal`
    stays, because it tells kinds of one shape apart.
    """
    if isinstance(value, BaseModel):
        kind = type(value)
        free = _OPEN.get(kind, frozenset())
        return {
            name: _canonical(held)
            for name, field in kind.model_fields.items()
            if name not in free
            and ((held := getattr(value, name)) != field.default or get_origin(field.annotation) is Literal)
        }
    if isinstance(value, tuple):
        return [_canonical(each) for each in value]
    if isinstance(value, dict):
        return {key: _canonical(each) for key, each in value.items()}
    return value


def _mac(key: bytes, digests: tuple[str, ...]) -> str:
    return hmac.digest(key, "\n".join(("runmend plan 1", *digests)).encode(), "sha256").hex()
