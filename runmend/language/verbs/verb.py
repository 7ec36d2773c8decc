"""What a verb is: how its command is written, what it reads or changes, what it puts at risk, and what it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from runmend.core.frozen import Frozen
from runmend.facts.event import EventFacts
from runmend.facts.states import State
from runmend.language.needs import Field, Needs, Right
from runmend.language.verbs.command import Command, Flag
from runmend.plan.change import Change, Json
from runmend.plan.edit import Beside
from runmend.plan.messages import Affected
from runmend.plan.operations import Operation
from runmend.plan.removal import How
from runmend.plan.values import Value, known

if TYPE_CHECKING:
    from runmend.kube.client import Cluster
    from runmend.language.target import TargetNow

A = TypeVar("A", bound=Frozen)


class Risk(StrEnum):
    """What a change may put at risk, beside what its fields say."""

    BY_FIELDS = "what the changed fields run"
    ROLLING = "the pods that a rollout replaces"
    """It goes back to what has served, or changes nothing of what runs: only a rollout that leaves nobody serving is a
    risk."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a verb knows when it says what it changes: all that it was given, nothing that it asks for.

    `values` are what placeholders stand for, `treated` the containers that `{container}` stands for, `more` what the
    verb's own `reads` have read, `moment` when the step began, as the API writes it. `observed` has the values that the
    run took from its target and calculated, each container's own among them.
    """

    item: Json
    now: "TargetNow"
    values: Mapping[str, str]
    treated: tuple[Affected, ...] = ()
    more: Any = None
    moment: str = ""
    observed: tuple[Value, ...] = ()
    operation: Operation | None = None
    own: str = ""
    """What no other step of any run has: the run's id and the step's."""

    def values_of(self, container: str) -> Mapping[str, str]:
        """What placeholders stand for where a container is changed."""
        return known(self.values, self.observed, container)


@dataclass(frozen=True, slots=True)
class Example:
    """What a verb's example does: the object that it is done to, and what becomes of it.

    `before` is the object as somebody creates it, `earlier` an older version of it that was rolled out first, `values`
    what the example's placeholders stand for besides the object itself and its only container.
    """

    before: Json
    changes: tuple[Change, ...]
    earlier: Json | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which pods a verb takes away, and those that it leaves, each with why: `shop/web-1 (DaemonSet)`."""

    pods: tuple[Json, ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removing(Generic[A]):
    """How a verb takes pods away, once its object is as `effect` has it. That cannot be undone.

    `chosen` is pure: which of the pods that `reads` has read; it raises `PreconditionFailed` where some may not be
    taken away.
    """

    how: How
    reads: Callable[[A, "Cluster", Situation], tuple[Json, ...]]
    chosen: Callable[[A, Situation, tuple[Json, ...]], Chosen]
    grace_seconds: Callable[[A], int | None]
    """What they are given to end; None: as each of them says."""
    seconds: Callable[[A], int]
    """For how long it is tried, and waited for."""


def _as_it_is(_: object, situation: Situation) -> Json:
    return situation.item


@dataclass(frozen=True, slots=True)
class Changing(Generic[A]):
    """How a verb changes its object, and what besides.

    `effect` is pure: the object as it shall be; it raises `PreconditionFailed` where it may not become so. `fields` are
    those that it may write.
    """

    effect: Callable[[A, Situation], Json] = _as_it_is
    fields: Callable[[A], tuple[Field, ...]] = lambda _: ()
    removing: Removing[A] | None = None
    reads: Callable[[A, "Cluster", Situation], Any] | None = None
    risk: Risk = Risk.BY_FIELDS
    repeatable: bool = False
    """Whether an object that is already so is as good as one that was changed: a step that finds it so is done."""
    beside: Callable[[A, "Cluster", Situation], Beside] | None = None
    """What it does to an object beside the run's target, which it leaves as it is; it may read what that needs."""
    images: Callable[[A], tuple[tuple[str, str], ...]] | None = None
    """Container → image that it would write, `{container}` for each that is treated."""
    example: Example | None = None
    """What the verb's example does: tests run it by kubectl and by us, and compare."""
    undoable: bool = True
    """Whether what was there can be put back."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verb that reads is asked.

    `operation` is its command, `now` the run's target, `values` what placeholders stand for, `container` the container
    that is spoken of (empty where nobody knows), `state` what the runbook is about, and `seconds` for how long it may
    wait for something.
    """

    operation: Operation
    now: "TargetNow"
    values: Mapping[str, str]
    container: str = ""
    state: State | None = None
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Read:
    """What a verb has read: in one sentence, as facts that later steps may name, and in lines, the newest last.

    `events` are those of the target's troubles among them, for who can tell more of them; `confirmed` whether they
    confirm the runbook's state, None where that is not the question.
    """

    summary: str
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    events: tuple[EventFacts, ...] = ()
    confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Reading(Generic[A]):
    """How a verb reads: `read` asks the API server and changes nothing, `rights` is what that needs in RBAC for a
    command, `tells` names the facts of `StepFacts` that its result has besides those of every step.
    """

    read: Callable[[A, "Cluster", Asked], Read]
    rights: Callable[[Operation], tuple[Right, ...]] = field(default=lambda _: ())
    tells: Callable[[Operation], frozenset[str]] = field(default=lambda _: frozenset())


@dataclass(frozen=True, slots=True)
class Verb(Generic[A]):
    """An entry of the table."""

    words: str
    """`rollout undo`, behind `kubectl`."""
    summary: str
    """What it does, one sentence."""
    kinds: tuple[str, ...]
    """The kinds of objects that it is done to."""
    arguments: type[A]
    """What its command says, besides the object."""
    command: Callable[[Command], Operation | None]
    """Reads its command; None where that says what is wrong with it."""
    example: str
    """A command that it reads."""
    says: Callable[[A], str] = field(default=lambda _: "")
    """Its arguments in words, for who reads a plan."""
    flags: tuple[Flag, ...] = ()
    changing: Changing[A] | None = None
    """None for a verb that only reads."""
    reading: Reading[A] | None = None
    """None for a verb that changes something."""
    needs_of: Callable[[Operation], Needs] | None = None
    """The same where it depends on the command."""
    needs: Needs = field(default_factory=Needs)
    """What it needs in RBAC besides what each run does; what it reads and writes follows from the two above."""
