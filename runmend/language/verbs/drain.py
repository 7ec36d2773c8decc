"""`kubectl drain`: a node is cordoned, and its pods are evicted."""

import re
from typing import TYPE_CHECKING, Final

from runmend.core.durations import parse_duration
from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.language.needs import Needs, Right, Write
from runmend.language.verbs.command import Command, Flag, flag, no_more, node_of
from runmend.language.verbs.cordon import CORDONED, FIELDS, KINDS, cordoned
from runmend.language.verbs.pods import controller, has_ended, is_deleting, is_mirror, loses_data
from runmend.language.verbs.verb import Changing, Chosen, Removing, Situation, Verb
from runmend.plan.change import Json
from runmend.plan.operations import Operation
from runmend.plan.removal import How, named

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

TIMEOUT: Final = "10m"
_LONGEST_SECONDS: Final = 12 * 3600
_SELECTOR: Final = re.compile(r"[A-Za-z0-9._/=!, ()-]{1,500}")


class Drain(Frozen):
    """Which pods may be evicted, and how."""

    ignore_daemonsets: bool = False
    delete_emptydir_data: bool = False
    force: bool = False
    grace_seconds: int | None = None
    seconds: int
    pod_selector: str = ""


def _command(command: Command) -> Operation | None:
    found = node_of(command, "drain")
    if found is None or not no_more(found[1], command, "drain one node"):
        return None
    grace, seconds = grace_of(command), _seconds(command)
    selector = flag(command, "--pod-selector")
    if selector and not (command.refuse_placeholders(selector, "--pod-selector") and _SELECTOR.fullmatch(selector)):
        command.error(f"--pod-selector {selector[:60]!r} is no label selector", "write --pod-selector app=web")
    arguments = Drain(
        ignore_daemonsets="--ignore-daemonsets" in command.flags,
        delete_emptydir_data="--delete-emptydir-data" in command.flags,
        force="--force" in command.flags,
        grace_seconds=grace,
        seconds=seconds,
        pod_selector=selector,
    )
    return Operation(verb=VERB.words, kind="Node", name=found[0], arguments=arguments.model_dump(mode="json"))


def grace_of(command: Command) -> int | None:
    """The value of --grace-period, None where each pod's own is meant."""
    text = flag(command, "--grace-period", "-1")
    if text == "-1":
        return None
    if text == "0":
        command.error(
            "--grace-period 0 takes a pod's name away while its containers may still run", "write 1 at least, or -1"
        )
    elif text.isascii() and text.isdigit() and len(text) <= 6:  # noqa: PLR2004  eleven days
        return int(text)
    else:
        command.error(f"--grace-period {text[:60]!r} is no number of seconds", "write a whole number, or -1")
    return None


def _seconds(command: Command) -> int:
    text = flag(command, "--timeout", TIMEOUT)
    try:
        seconds = int(parse_duration(text).total_seconds())
    except ValueError as error:
        command.error(f"--timeout: {error}", f"write how long it may take, or leave it out: {TIMEOUT}")
        return 0
    if seconds > _LONGEST_SECONDS:
        command.error(f"--timeout {text} is longer than 12h", "write 12h at most")
    return seconds


def _reads(drain: Drain, cluster: "Cluster", situation: Situation) -> tuple[Json, ...]:
    on_it = f"spec.nodeName={situation.now.target.name}"
    return cluster.list_of("Pod", "", drain.pod_selector, fields=on_it)


def _chosen(drain: Drain, situation: Situation, pods: tuple[Json, ...]) -> Chosen:
    chosen, left, of_daemons, bare, local = [], [], [], [], []
    for pod in pods:
        name, owner = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}", controller(pod)
        if is_mirror(pod):
            left.append(f"{name} (static)")
            continue
        ended = has_ended(pod)
        if owner.get("kind") == "DaemonSet" and not ended:
            left.append(f"{name} (DaemonSet)")
            of_daemons.append(name)
            continue
        if is_deleting(pod):
            continue
        chosen.append(pod)
        if not owner and not ended:
            bare.append(name)
        if loses_data(pod) and not ended:
            local.append(name)
    for names, allowed, missing, does in (
        (of_daemons, drain.ignore_daemonsets, "--ignore-daemonsets", "leaves the pods of DaemonSets"),
        (bare, drain.force, "--force", "deletes for good what has no controller"),
        (local, drain.delete_emptydir_data, "--delete-emptydir-data", "deletes what is in emptyDir volumes"),
    ):
        if names and not allowed:
            raise PreconditionFailed(
                f"{named(names)} on {situation.now.target}: the command does not say {missing}, which {does}",
                reason=f"without {missing}",
            )
    return Chosen(tuple(chosen), tuple(left))


def _says(drain: Drain) -> str:
    which = f" that {drain.pod_selector} selects" if drain.pod_selector else ""
    return f"cordoned, and its pods{which} evicted, which cannot be undone"


VERB = Verb(
    words="drain",
    summary="Cordons a node and evicts its pods, but those of DaemonSets and static ones.",
    kinds=KINDS,
    arguments=Drain,
    command=_command,
    says=_says,
    example="kubectl drain {node} --ignore-daemonsets --delete-emptydir-data",
    flags=(
        Flag("--ignore-daemonsets", takes=False, means="pods of DaemonSets are there, and are left"),
        Flag("--delete-emptydir-data", takes=False, means="pods lose their `emptyDir` volumes"),
        Flag("--force", takes=False, means="pods that no controller makes anew are evicted too", example="--force"),
        Flag("--grace-period", means="the seconds that a pod is given to end", example="30"),
        Flag("--timeout", means="for how long it is tried and waited for; without it 10 minutes", example="20m"),
        Flag("--pod-selector", means="only pods with these labels are evicted", example="app=web"),
    ),
    changing=Changing(
        effect=lambda _, situation: cordoned(situation.item),
        fields=lambda _: FIELDS,
        repeatable=True,
        example=CORDONED,
        removing=Removing(
            how=How.EVICT,
            reads=_reads,
            chosen=_chosen,
            grace_seconds=lambda drain: drain.grace_seconds,
            seconds=lambda drain: drain.seconds,
        ),
    ),
    needs=Needs(
        rights=(
            Right("", ("pods",), ("list",), "The pods on a node, and those that a PodDisruptionBudget counts."),
            Right("", ("pods/eviction",), ("create",)),
            Right("policy", ("poddisruptionbudgets",), ("list",), "To say which budget holds a pod."),
            Right("apps", ("replicasets", "deployments", "statefulsets"), ("get",), "Whether a workload still serves."),
        ),
        # What runs on a node is moved whatever it is of: half a drain is none.
        writes=(Write("CREATE", "/pods/eviction", anywhere=True),),
    ),
)
