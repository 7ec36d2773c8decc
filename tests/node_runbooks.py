"""Runbooks of nodes for tests."""

from runmend.alerts.alert import Alert
from runmend.plan.criteria import Criterion
from runmend.plan.plan import Plan
from runmend.runbook.compiler import compile_runbook

CRITERIA = ("Node stays Ready for 1 minute",)


def node_runbook(*commands: str, header: str = "", **items: str) -> bytes:
    """A runbook whose actions are these commands; `items` go into each of them."""
    names = [f"step_{number}" for number in range(1, len(commands) + 1)]
    lines = ["---", "runbook_id: RB_NODE", "alertname: KubeNodeNotReady", "title: A node", *header.splitlines()]
    lines += ["workflow:", *(f"  - action_id: {name}" for name in names), "---", "# A node", "", "## Actions", ""]
    for name, command in zip(names, commands, strict=True):
        lines += [f"### {name}", f"- **action_id**: `{name}`", f"- **command**: `{command}`"]
        lines += [f"- **{item}**: `{value}`" for item, value in items.items()]
        lines += ["- **conditions**:", "  - Requires: `node` label", ""]
    return "\n".join([*lines, "## Success Criteria", "", *(f"- {text}" for text in CRITERIA), ""]).encode()


def node_plan(*commands: str, header: str = "", **items: str) -> Plan:
    """The same, compiled; its criterion holds of any node."""
    plan = compile_runbook(node_runbook(*commands, header=header, **items), "node.md").plan
    criteria = (Criterion(text="Nothing restarts", line=1, expression="!restarted"),)
    return plan.model_copy(update={"criteria": criteria, "window_seconds": 60})


def a_node_alert(node: str = "node-0", **labels: str) -> Alert:
    """An alert about a node, as the kubernetes-mixin's rules make it."""
    own = {"alertname": "KubeNodeNotReady", "node": node, "condition": "Ready", "status": "true", **labels}
    return Alert(fingerprint=f"{abs(hash(node)):016x}"[:16], starts_at="2026-11-28T21:00:00Z", labels=own)
