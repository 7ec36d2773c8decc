"""What expressions read besides their target, and only where one of them names it. Called by gates and verification."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from runmend.alerts.alert import Alert
from runmend.core.errors import Forbidden, NotFound, ServerError, Unreachable
from runmend.facts.expressions import USAGE, Expression
from runmend.facts.node import NodeFacts
from runmend.facts.pod import PodFacts, Resources
from runmend.facts.snapshot import first_few
from runmend.kube.client import Cluster
from runmend.language.target import TargetNow
from runmend.language.verbs.values import placeholders
from runmend.outside.asking import NOBODY, Outside, Outsiders

_NOT_TOLD = (NotFound, Forbidden, ServerError, Unreachable)
"""What the metrics API may answer without anything being wrong with the API server itself."""


@dataclass(frozen=True, slots=True)
class Besides:
    """What was read besides a target. `unknown`: group, or `usage`, → why what it holds could not be read; `usage`: pod
    → container → what it uses; `outside`: what was asked of others than Kubernetes.
    """

    node: NodeFacts | None = None
    unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    usage: Mapping[str, Mapping[str, Resources]] = field(default_factory=lambda: MappingProxyType({}))
    outside: Outside = field(default_factory=Outside)

    @classmethod
    def read(
        cls,
        cluster: Cluster,
        now: TargetNow,
        expressions: Collection[Expression],
        node: str,
        outsiders: Outsiders = NOBODY,
        alerts: tuple[Alert, ...] = (),
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> "Besides":
        """Read what these expressions name.

        Args:
            cluster: where.
            now: the target.
            expressions: that are to be judged.
            node: the node of the alert's pod; empty where it has none, or is gone.
            outsiders: who is asked besides Kubernetes.
            alerts: the run's.
            names: what is named besides the target (pod, container, node), and may be filled into a question.
        """
        unknown: dict[str, str] = {}
        found = _node(cluster, expressions, node, unknown)
        usage: Mapping[str, Mapping[str, Resources]] = {}
        if any("pods" in expression.usage for expression in expressions):
            usage = _usage_of_pods(cluster, now, unknown)
        pods = [pod.name for pod in now.pods] if any("alert_fires" in each.groups for each in expressions) else ()
        outside = outsiders.ask(expressions, placeholders(now.target, names), alerts, pods)
        return cls(found, {**unknown, **outside.unknown}, usage, outside)

    def measured(self, pods: tuple[PodFacts, ...]) -> tuple[PodFacts, ...]:
        """These pods, with what was read of what their containers use."""
        return tuple(self._measured(pod) for pod in pods) if self.usage else pods

    def _measured(self, pod: PodFacts) -> PodFacts:
        used = self.usage.get(pod.name, {})
        containers = tuple(
            c.model_copy(update={"usage": used[c.name]}) if c.name in used else c for c in pod.containers
        )
        return pod.model_copy(update={"containers": containers})


def _node(
    cluster: Cluster, expressions: Collection[Expression], name: str, unknown: dict[str, str]
) -> NodeFacts | None:
    naming = [expression for expression in expressions if "node" in expression.groups]
    if not naming:
        return None
    if not name:
        unknown["node"] = "the alert's pod is gone, or has no node"
        return None
    try:
        node = cluster.node(name, pods=any(expression.reads("node", "pods") for expression in naming))
    except NotFound:
        unknown["node"] = f"there is no node {name} any more"
        return None
    except Forbidden as error:
        unknown["node"] = f"node {name} could not be read: {error}"
        return None
    return _measured_node(cluster, node, unknown) if any("node" in each.usage for each in naming) else node


def _measured_node(cluster: Cluster, node: NodeFacts, unknown: dict[str, str]) -> NodeFacts:
    try:
        return node.model_copy(update={"usage": cluster.usage_of_node(node.name)})
    except _NOT_TOLD as error:
        unknown[USAGE] = f"the metrics API does not tell what node {node.name} uses: {error}"
        return node


def _usage_of_pods(cluster: Cluster, now: TargetNow, unknown: dict[str, str]) -> Mapping[str, Mapping[str, Resources]]:
    """What the target's pods use: of a workload's by its own selector, of others by name."""
    namespace, selector, pods = now.target.namespace, now.selector, [pod.name for pod in now.pods]
    try:
        if selector:
            usage = cluster.usage_of_pods(namespace, selector)
        else:
            usage = {name: used for each in pods for name, used in cluster.usage_of_pods(namespace, name=each).items()}
    except _NOT_TOLD as error:
        unknown[USAGE] = f"the metrics API does not tell what pods use: {error}"
        return {}
    if without := [name for name in pods if name not in usage]:
        unknown[USAGE] = f"the metrics API has no sample yet of {first_few(without)}"
    return usage
