"""`kubectl delete`: the alert's pod, or all pods of the target; or one other object beside the target, by its name."""

from typing import TYPE_CHECKING, Final

from runmend.alerts.alert import Target
from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.core.kinds import CUSTOM, OBJECTS, Kind, kind_of_name
from runmend.core.names import dns_subdomain
from runmend.language.needs import Needs, Right, Write
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, kind_of, no_more
from runmend.language.verbs.drain import grace_of
from runmend.language.verbs.pods import is_deleting
from runmend.language.verbs.values import ANY_OF_RUN, checked
from runmend.language.verbs.verb import Changing, Chosen, Removing, Situation, Verb
from runmend.plan.change import Json
from runmend.plan.edit import Beside, Edit
from runmend.plan.notes import NOTES
from runmend.plan.operations import Operation
from runmend.plan.reasons import OTHER_OBJECT
from runmend.plan.removal import How

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

KINDS: Final = ("Pod", "Job", *OBJECTS, CUSTOM)
OWNERS_OF_PODS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_NOTE: Final = ("metadata", "annotations", NOTES)
POD: Final = "{pod}"
SELECTOR: Final = "{selector}"
_SECONDS: Final = 240
_WRITE: Final = f"write kubectl delete pod {POD} -n {NAMESPACE}, or kubectl delete pod -l {SELECTOR} -n {NAMESPACE}"


class Delete(Frozen):
    """All pods of the target, or the alert's alone; and what they are given to end."""

    every: bool = False
    grace_seconds: int | None = None


def _command(command: Command) -> Operation | None:
    if not command.words:
        command.error("kubectl delete names nothing", _WRITE)
        return None
    first, *rest = command.words
    word, slash, name = first.partition("/")
    kind = kind_of(word, command, KINDS, "kubectl delete")
    if kind is None:
        return None
    if not slash:
        name, rest = (rest[0], rest[1:]) if rest else ("", [])
    if kind.name != "Pod":
        return _of_object(command, kind, name, tuple(rest))
    selector = flag(command, "--selector")
    if (name, selector) not in ((POD, ""), ("", SELECTOR)):
        given = " and ".join(repr(each[:60]) for each in (name, selector) if each)
        command.error(f"the pods are {given or 'not named'}", _WRITE)
        return None
    if not (in_namespace(command, kind) and no_more(tuple(rest), command, "delete one pod, or those of the target")):
        return None
    arguments = Delete(every=bool(selector), grace_seconds=grace_of(command)).model_dump(mode="json")
    return Operation(verb=VERB.words, kind="Pod", name=name, namespace=NAMESPACE, arguments=arguments)


def _of_object(command: Command, kind: Kind, name: str, rest: tuple[str, ...]) -> Operation | None:
    """One object of another kind, by its name: never all of a kind, and none by a selector."""
    if flag(command, "--selector") or not name:
        command.error(f"the command names no {kind.name}", f"write kubectl delete {kind.singular} NAME, one at a time")
        return None
    if flag(command, "--grace-period"):
        command.error("--grace-period is of pods", "leave it out")
        return None
    good = no_more(rest, command, f"delete one {kind.name}")
    good = in_namespace(command, kind) and good
    if not (command.check(name, f"the name of a {kind.name}", dns_subdomain, ANY_OF_RUN) and good):
        return None
    return Operation(
        verb=VERB.words,
        kind=kind.name,
        name=command.filled(name),
        namespace=NAMESPACE,
        arguments=Delete().model_dump(mode="json"),
    )


def _beside(_: Delete, __: "Cluster", situation: Situation) -> Beside:
    target, operation = situation.now.target, situation.operation
    assert operation  # noqa: S101  every step has one
    name = checked(operation.name, situation.values, "name")
    if (operation.kind, name) == (target.kind, target.name):
        raise PreconditionFailed(f"{target} is what the run fixes, and is not deleted by it", reason=OTHER_OBJECT)
    return Beside(
        how=Edit.DELETE,
        object=Target(cluster=target.cluster, namespace=target.namespace, kind=operation.kind, name=name),
    )


def _needs(operation: Operation) -> Needs:
    kind = kind_of_name(operation.kind)
    owners = [kind_of_name(name) for name in OWNERS_OF_PODS]
    return Needs(
        rights=(
            Right(kind.group, (kind.plural,), ("get", "delete"), f"A runbook deletes a {kind.name}."),
            *(Right(owner.group, (owner.plural,), ("patch",)) for owner in owners),
        ),
        writes=(
            Write("DELETE", f"{kind.group}/{kind.plural}"),
            *(
                Write("UPDATE", f"{owner.group}/{owner.plural}", (("metadata", "annotations", NOTES),))
                for owner in owners
            ),
        ),
    )


def _reads(_: Delete, cluster: "Cluster", situation: Situation) -> tuple[Json, ...]:
    """The target's own pods, of every revision."""
    now = situation.now
    own = {pod.uid for pod in now.workloads.pods_of(now.target)}
    listed = cluster.list_of("Pod", now.target.namespace, now.selector) if now.selector else ()
    if not listed:
        listed = tuple(cluster.read("Pod", pod.namespace, pod.name) for pod in now.workloads.pods_of(now.target))
    return tuple(pod for pod in listed if pod["metadata"]["uid"] in own)


def _chosen(delete: Delete, situation: Situation, pods: tuple[Json, ...]) -> Chosen:
    living = tuple(pod for pod in pods if not is_deleting(pod))
    if delete.every:
        return Chosen(living)
    return Chosen(tuple(pod for pod in living if pod["metadata"]["name"] == situation.values.get("pod")))


VERB = Verb(
    words="delete",
    summary="Deletes the alert's pod, or all of the target's, which are made anew; or one other object, by its name.",
    kinds=KINDS,
    arguments=Delete,
    command=_command,
    says=lambda delete: "all pods deleted, which cannot be undone" if delete.every else "which cannot be undone",
    example=f"kubectl delete pod {POD} -n {NAMESPACE}",
    flags=(
        Flag(
            "--selector",
            "l",
            means="`{selector}`: all pods of the target",
            example="kubectl delete pods -l {selector} -n {namespace}",
        ),
        Flag(
            "--grace-period",
            means="the seconds that a pod is given to end; without it as many as it says",
            example="30",
        ),
    ),
    changing=Changing(
        repeatable=True,
        beside=_beside,
        removing=Removing(
            how=How.DELETE,
            reads=_reads,
            chosen=_chosen,
            grace_seconds=lambda delete: delete.grace_seconds,
            seconds=lambda _: _SECONDS,
        ),
    ),
    needs_of=_needs,
    needs=Needs(
        rights=(Right("", ("pods",), ("delete",)),),
        writes=(Write("DELETE", "/pods"),),
    ),
)
