"""`kubectl rollout status`: how far a rollout is; it is waited for within the step's time."""

import time
from typing import TYPE_CHECKING, Final

from runmend.core.durations import parse_duration
from runmend.core.errors import NotFound
from runmend.core.frozen import Frozen
from runmend.facts.workload import WorkloadFacts
from runmend.language.verbs import objects
from runmend.language.verbs.command import Command, Flag, flag
from runmend.language.verbs.verb import Asked, Read, Reading, Verb
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

_KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_EACH_SECONDS: Final = 1.0


class RolloutStatus(Frozen):
    """For how long it is waited for at most, besides the step's own time; 0: not at all, None: nothing is said."""

    timeout_seconds: int | None = None


def _command(command: Command) -> Operation | None:
    found = objects.object_of(command, _KINDS, "rollout status")
    waits = flag(command, "--watch", "true") not in ("false", "0")
    timeout = flag(command, "--timeout")
    try:
        seconds = int(parse_duration(timeout).total_seconds()) if timeout else None
    except ValueError as error:
        command.error(f"--timeout: {error}", "write for example --timeout=20s")
        return None
    arguments = RolloutStatus(timeout_seconds=seconds if waits else 0)
    return objects.reads(VERB.words, *found, arguments) if found else None


def _read(status: RolloutStatus, cluster: "Cluster", asked: Asked) -> Read:
    operation = asked.operation
    namespace, name = objects.place_of(operation, asked.values)
    own = status.timeout_seconds
    until = time.monotonic() + (asked.seconds if own is None else min(own, asked.seconds))
    while True:
        try:
            found = cluster.workload(operation.kind, namespace, name)
        except NotFound:
            return Read(f"{objects.named(operation, namespace, name)} is not there", {"count": 0})
        if found.rolled_out or found.stalled or found.paused or time.monotonic() + _EACH_SECONDS > until:
            return Read(f"{operation.kind} {namespace}/{_says(found)}", {"count": 1, **objects.scalars(found)})
        time.sleep(_EACH_SECONDS)


def _says(found: WorkloadFacts) -> str:
    acted = found.observed_generation >= found.generation
    how = "rolled out" if found.rolled_out else "not rolled out" if acted else "not rolled out, not acted on yet"
    name, _, rest = found.in_words.partition(": ")
    return f"{name}: {how}: {rest}"


VERB = Verb(
    words="rollout status",
    summary="Reads how far a rollout is, and waits for its end within the step's time.",
    kinds=_KINDS,
    arguments=RolloutStatus,
    command=_command,
    example="kubectl rollout status deployment/{deployment} -n {namespace} --timeout=20s",
    flags=(
        Flag("--timeout", means="for how long it waits; without it 15 seconds"),
        Flag("--watch", "w", takes=False, means="`false`: it does not wait", example="--watch=false"),
    ),
    reading=Reading(_read, lambda operation: (objects.right_to_read(operation),), objects.told),
)
