"""`kubectl logs`: the last lines that a container has written. What looks like a credential is masked where they are
kept.
"""

import re
from typing import TYPE_CHECKING, Final

from runmend.core.durations import parse_duration
from runmend.core.errors import Invalid, NotFound
from runmend.core.frozen import Frozen
from runmend.core.kinds import kind_of_name
from runmend.core.names import dns_label
from runmend.core.wording import quoted
from runmend.facts.pod import PodFacts
from runmend.language.needs import Right
from runmend.language.verbs import objects
from runmend.language.verbs.command import Command, Flag, flag
from runmend.language.verbs.values import checked
from runmend.language.verbs.verb import Asked, Read, Reading, Verb
from runmend.plan.bounds import last_lines
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

MOST_LINES: Final = 20
MOST_BYTES: Final = 2_000
"""How much of a log is kept."""
_KINDS: Final = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""What colours a terminal."""
_WHY: Final = (
    "The last lines of containers' logs, which may hold whatever the programs write: RBAC cannot say which lines."
)


class Logs(Frozen):
    """Whose lines, how many of them, and since when; `container` is a name or a placeholder, empty where the run is to
    choose.
    """

    container: str = ""
    previous: bool = False
    lines: int = MOST_LINES
    since_seconds: int | None = None


def _command(command: Command) -> Operation | None:
    found = objects.object_of(command, _KINDS, "logs", bare=True)
    if flag(command, "--follow", "false") != "false":
        command.error("the flag --follow is refused: a step ends; it does not follow", "remove it")
    container = flag(command, "--container")
    good = not container or command.check(container, "the container", dns_label, ("container",))
    lines, since = _lines(flag(command, "--tail", str(MOST_LINES)), command), _since(flag(command, "--since"), command)
    previous = flag(command, "--previous", "false") not in ("false", "0")
    if found is None or not good or lines is None or since is None:
        return None
    asked = Logs(container=command.filled(container), previous=previous, lines=lines, since_seconds=since or None)
    return objects.reads(VERB.words, *found, asked)


def _lines(text: str, command: Command) -> int | None:
    if text == "-1":
        return MOST_LINES
    if text.isascii() and text.isdigit() and int(text[:9]) > 0:
        return min(int(text[:9]), MOST_LINES)
    command.error(f"--tail {quoted(text)} is no number of lines", f"write a number, at most {MOST_LINES} are kept")
    return None


def _since(text: str, command: Command) -> int | None:
    """In seconds, 0 where nothing is said."""
    if not text:
        return 0
    try:
        return int(parse_duration(text).total_seconds())
    except ValueError as error:
        command.error(f"--since: {error}", "write for example --since=10m")
        return None


def _read(logs: Logs, cluster: "Cluster", asked: Asked) -> Read:
    pod = _pod(cluster, asked)
    if isinstance(pod, Read):
        return pod
    container = checked(logs.container, asked.values, "container") if logs.container else _chosen(pod, asked)
    whose = f"{'the previous ' if logs.previous else ''}container {container} of pod {pod.name}"
    try:
        text = cluster.log(
            pod.namespace,
            pod.name,
            container,
            lines=logs.lines,
            since_seconds=logs.since_seconds,
            previous=logs.previous,
        )
    except (NotFound, Invalid) as error:
        # It has not started yet, or was not started again: that is what there is to be read.
        return Read(f"no log of {whose}: {error}", {"count": 0, "pod": pod.name, "container": container})
    lines = [line for line in map(_plain, text.splitlines()) if line]
    kept = last_lines(lines, MOST_LINES, MOST_BYTES)
    said = f"the last {len(kept)} {'line' if len(kept) == 1 else 'lines'}" if kept else "nothing is in the log"
    facts: dict[str, str | int | bool] = {"count": len(lines), "pod": pod.name, "container": container}
    return Read(f"{said} of {whose}", facts | ({"message": kept[-1]} if kept else {}), kept)


def _plain(line: str) -> str:
    return " ".join(_ESCAPES.sub("", line).split())


def _pod(cluster: "Cluster", asked: Asked) -> PodFacts | Read:
    """The pod itself; of a workload the alert's, else the first that is not well."""
    operation, alerts = asked.operation, asked.values.get("pod", "")
    namespace, name = objects.place_of(operation, asked.values)
    try:
        if operation.kind == "Pod":
            return cluster.pod(namespace, name)
        workload = cluster.workload(operation.kind, namespace, name)
    except NotFound:
        return Read(f"{objects.named(operation, namespace, name)} is not there", {"count": 0})
    pods = cluster.pods(namespace, workload.selector) if workload.selector else ()
    ordered = sorted(pods, key=lambda pod: (pod.name != alerts, pod.running, pod.name))
    return ordered[0] if ordered else Read(f"{objects.named(operation, namespace, name)} has no pod", {"count": 0})


def _chosen(pod: PodFacts, asked: Asked) -> str:
    """The container that is spoken of, else the one that kubectl would take."""
    names = [container.name for container in pod.containers]
    if asked.container in names:
        return asked.container
    default = pod.annotations.get("kubectl.kubernetes.io/default-container", "")
    first = next((container.name for container in pod.containers if not container.init), "")
    return default if default in names else first


def _rights(operation: Operation) -> tuple[Right, ...]:
    kind = kind_of_name(operation.kind)
    of_kind = () if kind.name == "Pod" else (Right(kind.group, (kind.plural,), ("get",)),)
    return *of_kind, Right("", ("pods",), ("get", "list")), Right("", ("pods/log",), ("get",), _WHY)


def _says(logs: Logs) -> str:
    of = f"container {logs.container}" if logs.container else ""
    since = f"since {logs.since_seconds} s" if logs.since_seconds else ""
    return ", ".join(
        text for text in ("previous" if logs.previous else "", of, f"last {logs.lines} lines", since) if text
    )


VERB = Verb(
    words="logs",
    summary="Reads the last lines that a container has written, at most 20; what looks like a credential is masked.",
    kinds=_KINDS,
    arguments=Logs,
    command=_command,
    says=_says,
    example="kubectl logs {pod} -n {namespace} -c {container} --previous --tail=20",
    flags=(
        Flag("--container", "c", means="of which container"),
        Flag("--previous", "p", takes=False, means="of the container before it was last restarted"),
        Flag("--follow", "f", takes=False, means="refused unless it is false: a step ends", example="--follow=false"),
        Flag("--tail", means="how many lines, 20 at most"),
        Flag("--since", means="only lines that are not older", example="10m"),
    ),
    reading=Reading(_read, _rights, lambda _: frozenset({"message"})),
)
