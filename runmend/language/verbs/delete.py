"""`kubectl delete pod`: the alert's pod, or all pods of the target."""

from typing import TYPE_CHECKING, Final

from runmend.core.frozen import Frozen
from runmend.language.needs import Needs, Right, Write
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, kind_of, no_more
from runmend.language.verbs.drain import grace_of
from runmend.language.verbs.pods import is_deleting
from runmend.language.verbs.verb import Changing, Chosen, Removing, Situation, Verb
from runmend.plan.change import Json
from runmend.plan.operations import Operation
from runmend.plan.removal import How

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

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
    kind = kind_of(word, command, ("Pod",), "kubectl delete")
    if kind is None:
        return None
    if not slash:
        name, rest = (rest[0], rest[1:]) if rest else ("", [])
    selector = flag(command, "--selector")
    if (name, selector) not in ((POD, ""), ("", SELECTOR)):
        given = " and ".join(repr(each[:60]) for each in (name, selector) if each)
        command.error(f"the pods are {given or 'not named'}", _WRITE)
        return None
    if not (in_namespace(command, kind) and no_more(tuple(rest), command, "delete one pod, or those of the target")):
        return None
    arguments = Delete(every=bool(selector), grace_seconds=grace_of(command)).model_dump(mode="json")
    return Operation(verb=VERB.words, kind="Pod", name=name, namespace=NAMESPACE, arguments=arguments)


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
    summary="Deletes the alert's pod, or all pods of the target; whatever controls them makes others.",
    kinds=("Pod",),
    arguments=Delete,
    command=_command,
    says=lambda delete: f"{'all pods' if delete.every else POD} deleted, which cannot be undone",
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
        removing=Removing(
            how=How.DELETE,
            reads=_reads,
            chosen=_chosen,
            grace_seconds=lambda delete: delete.grace_seconds,
            seconds=lambda _: _SECONDS,
        ),
    ),
    needs=Needs(
        rights=(Right("", ("pods",), ("delete",)),),
        writes=(Write("DELETE", "/pods"),),
    ),
)
