"""What an autoscaler or a claim must be, become or stay."""

from typing import Final

from runmend.runbook.forms.words import BECOME, NOT, Form

_AUTOSCALER: Final = r"(?:(?:the|an|its) )?(?:horizontal ?pod ?)?(?:autoscaler|hpa)"
_CLAIM: Final = r"(?:(?:the|its|a) )?(?:persistent ?volume ?claim|pvc|claim|volume claim)"
_MAXIMUM: Final = r"(?:its|the) max(?:imum)?(?: (?:number of )?(?:replicas|pods|size))?"

FORMS: Final = (
    Form(
        rf"{_AUTOSCALER} (?:{NOT} (?:running |scaled |still )*at|{BECOME}(?:running )?(?:below|under)|is no longer at) "
        rf"{_MAXIMUM}(?: any ?more)?",
        "!autoscaler.at_maximum",
        ("The autoscaler is no longer at its maximum", "HPA is below its max replicas"),
        lasting="",
    ),
    Form(
        rf"{_AUTOSCALER} (?:is|runs)(?: running| scaled| still)* at {_MAXIMUM}",
        "autoscaler.at_maximum",
        ("The autoscaler is at its maximum", "HPA is running at its max replicas"),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{_AUTOSCALER} (?:can|{BECOME}able to) (?:scale|compute (?:the )?(?:number of )?replicas|"
        r"read (?:its )?metrics)",
        "autoscaler.active",
        ("The autoscaler can scale", "HPA is able to read its metrics"),
        lasting="",
    ),
    Form(
        rf"{_CLAIM} {BECOME}bound",
        "claim.bound",
        ("The claim is Bound", "PVC becomes bound"),
        lasting="",
    ),
    Form(
        rf"{_CLAIM} (?:has (?:its new size|the (?:new )?size (?:that )?it asks for)|"
        r"(?:has been|is|was) (?:fully )?(?:expanded|resized))",
        "claim.requested != null && claim.capacity != null && claim.capacity >= claim.requested && !claim.resizing",
        ("The claim has been expanded", "PVC is resized", "The claim has the size that it asks for"),
        where="criterion",
    ),
)
