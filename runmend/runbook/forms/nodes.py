"""What a node must be, become or stay."""

from typing import Final

from runmend.runbook.forms.words import MOVE, NODE, NODE_IS, NODE_IS_WELL, NODE_STATE, NODE_WORDS, STAY, Form

FORMS: Final = (
    Form(
        rf"{NODE} (?:has )?{MOVE}from {NODE_STATE} to {NODE_IS_WELL}",
        "{node_well} && !({node})",
        ("Node moves from NotReady to Ready", "Node transitions from `SchedulingDisabled` to schedulable"),
        where="criterion",
    ),
    Form(
        rf"{NODE} {NODE_IS}{NODE_IS_WELL}",
        "{node_well}",
        ("Node is Ready", "Node is schedulable again", "Node condition is `Ready=True`", "Node returns to Ready"),
        lasting="",
    ),
    Form(
        rf"{NODE} {NODE_IS}{NODE_IS_WELL} and (?P<node_also>{NODE_WORDS})",
        "{node_well} && {node_also}",
        ("Node is Ready and schedulable",),
        lasting="",
    ),
    Form(
        rf"{NODE} {STAY}{NODE_IS_WELL}",
        "{node_well}",
        ("Node stays Ready for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{NODE} (?:is |has )?(?:no longer|not|no)(?: longer)? {NODE_STATE}",
        "!({node})",
        ("Node is no longer NotReady", "Node is not under DiskPressure", "Node has no MemoryPressure"),
        lasting="",
    ),
    Form(
        rf"{NODE} (?:is |has )(?:not under|no) (?:any )?(?:resource )?pressure",
        "!node.under_pressure",
        ("Node has no resource pressure",),
        lasting="",
    ),
    Form(
        rf"{NODE} (?:is|becomes|reports|has|stays|remains)(?: currently| still)?(?: under)? {NODE_STATE}",
        "{node}",
        (
            "Node is NotReady",
            "Node is cordoned",
            "Node has DiskPressure",
            "Node is under memory pressure",
            "Node is unhealthy",
        ),
        trouble=True,
    ),
    Form(
        rf"(?:new )?pods? (?:can|could|may|are able to) be (?:scheduled|placed) (?:to|on|onto) {NODE}(?: again)?|"
        rf"{NODE} (?:accepts?|takes?) new pods(?: again)?",
        "node.takes_pods",
        ("New pods can be scheduled to the node", "Node accepts new pods"),
        lasting="",
    ),
)
