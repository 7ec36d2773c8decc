"""A compiled runbook: frozen, versioned, hashed. Written by `runmend.runbook`, interpreted by `workflows.remediation`.

Text in an operation may hold placeholders, `{pod}`. They are filled with `fill` into the parsed value where they stand,
so no value can change the operation's structure, and each is checked for what it is before anything is sent.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from runmend.alerts.matchers import Matcher
from runmend.core.frozen import Frozen
from runmend.core.kinds import OBJECTS, has_pods, is_in_no_namespace, kind_of_name, label_of
from runmend.core.modes import Mode
from runmend.images.pull_failures import Cause
from runmend.plan.criteria import Criterion
from runmend.plan.operations import Operation
from runmend.plan.values import Calculation

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
BUILT_IN_PLACEHOLDERS = frozenset(
    {"namespace", "pod", "container", "deployment", "statefulset", "daemonset", "node", "selector"}
)
"""`{pod}` is the pod of the first alert that still exists, `{deployment}` and the other kinds the target, `{container}`
each container that a step treats, `{selector}` what chooses the target's pods."""
DERIVED_PLACEHOLDERS = frozenset(
    {
        *("job", "owner", "service_account", "image", "replicas"),
        *("current_limit", "current_request", "current_revision", "previous_revision"),
        *("current_maximum", "current_size"),
        *(kind_of_name(name).singular for name in OBJECTS),
    }
)
"""What `runmend.language.derived` takes from what was observed; an action's own item of such a name comes first."""


WORKLOAD_LABELS: Final = {
    "Deployment": "deployment",
    "StatefulSet": "statefulset",
    "DaemonSet": "daemonset",
    "Job": "job_name",
}
"""Kind → the label by which an alert names a workload itself, and none of its pods."""


def target_labels(kind: str) -> tuple[str, ...]:
    """The labels by which a run finds what it fixes, by the kind of its target (empty: a pod's workload): an alert
    without them starts none, whatever its runbook requires. One of `WORKLOAD_LABELS` may stand for `pod`.
    """
    if has_pods(kind):
        return ("namespace", "pod")
    return (label_of(kind),) if is_in_no_namespace(kind) else ("namespace", label_of(kind))


BUDGET_SECONDS = 300
"""How long all tries of a step may take together."""
READING_SECONDS = 30
CHANGING_SECONDS = 90
"""How long one try of a step may take. A changing one reads, then waits for the API server, which asks admission
webhooks before a write (`kube.requests.WRITE_SECONDS`), and tells of the change."""


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template's text with its placeholders replaced, once: a value that looks like a placeholder stays as it is.

    Raises:
        KeyError: a placeholder has no value.
    """
    return PLACEHOLDER.sub(lambda found: values[found[1]], template)


def name_of(action_id: str, part: int) -> str:
    """What an action's step is called: by its id, with the place of its command where the action has several."""
    return f"{action_id}, command {part}" if part else action_id


class Condition(Frozen):
    """What must hold for an action to be allowed: as it is written, and the expression that it stands for."""

    text: str
    line: int
    expression: str


class Step(Frozen):
    """An action in the workflow list, with its gate; of an action with several commands one of them.

    `gate` is the expression that must hold for it to run, empty where there is none; `conditions` must hold for it to
    be allowed. `state` is what the description's leading "If pod is in …," says, `owner` the kind that "Pod must be
    owned by a …" asks for. Timeouts are in seconds: of one try, and of all tries together.
    """

    action_id: str
    part: int = 0
    """Which of its action's commands it does, from 1; 0 where the action has one command."""
    begun: bool = False
    """An earlier command of its action changes something, and was done: what the action asks was asked then."""
    title: str
    line: int
    description: str = ""
    command: str
    operation: Operation
    parameters: dict[str, str] = {}
    calculations: tuple[Calculation, ...] = ()
    required_labels: tuple[str, ...] = ()
    optional_labels: tuple[str, ...] = ()
    gate: str = ""
    conditions: tuple[Condition, ...] = ()
    restrictions: tuple[str, ...] = ()
    """What its runbook says that restricts it and that nothing reads: `line 41: Only in staging.`; it then recommends.
    """
    state: str | None = None
    owner: str | None = None
    output: str = ""
    """Another name of its result for the gates of later steps, besides its action_id."""
    asks: tuple[str, ...] = ()
    """The earlier steps of whose results its gate asks, by the names that it has for them."""
    retries: int | None = None
    """How often it is tried again at most; None: as often as its time allows."""
    on_error: Literal["abort", "continue"] = "abort"
    """What becomes of the run where it fails."""
    try_seconds: int = READING_SECONDS
    budget_seconds: int = BUDGET_SECONDS

    changes: bool = False
    """Whether it writes."""
    images: tuple[tuple[str, str], ...] = ()
    """Container → image that it would write, with the action's own parameters filled in; `{container}` stands for each
    that it treats."""
    says: str = ""
    """What its command does, in words, besides its verb and object."""

    @property
    def named(self) -> str:
        """What it is called: `restart`, or `restart, command 2`."""
        return name_of(self.action_id, self.part)

    def image_for(self, container: str) -> str | None:
        """The image that the step would give a container, None where it leaves it alone."""
        return next((image for name, image in self.images if name in ("{container}", container)), None)


class Probe(StrEnum):
    """A read-only look that a diagnostic step's sub-point asks for."""

    IMAGE_EXISTS = "image exists in its registry"
    IMAGE_WELL_FORMED = "image reference is well-formed"
    PULL_SECRETS_CONFIGURED = "imagePullSecrets are configured"
    PULL_SECRET_VALID = "pull secret exists and is valid"  # noqa: S105  a sentence, not a secret


class SubPoint(Frozen):
    """A sub-point of a diagnostic step; `probe` is None where it cannot be read: it is reported as not done."""

    text: str
    line: int
    probe: Probe | None = None


class DiagnosticStep(Frozen):
    """A diagnostic step: a query whose events are sorted by the causes to look for, and sub-points. Read-only."""

    name: str
    line: int
    query: Operation | None = None
    look_for: tuple[Cause, ...] = ()
    points: tuple[SubPoint, ...] = ()


class Plan(Frozen):
    """A compiled runbook. `sha256` is the digest of its file, `state` what its target must be in to be touched.

    `problem` is the section for people; `problem_expression` says whether there is anything to do, where it is not the
    state that says so. Where neither does, the steps' gates decide alone.
    """

    schema_version: Literal[1] = 1
    sha256: str
    file: str
    runbook_id: str
    alertname: str
    more_alertnames: tuple[str, ...] = ()
    match: tuple[Matcher, ...] = ()
    """What the labels of its alerts must be like."""
    title: str
    description: str = ""
    problem: str = ""
    target: str = ""
    """The kind that it is for; empty where it is for any."""
    state: str | None
    problem_expression: str = ""
    mode: Mode | None = None
    protect_serving: bool | None = None
    diagnosis: tuple[DiagnosticStep, ...] = ()
    steps: tuple[Step, ...]
    criteria: tuple[Criterion, ...] = ()
    notes: tuple[str, ...] = ()
    settle_seconds: int = 600
    window_seconds: int = 300

    @property
    def expressions(self) -> tuple[str, ...]:
        """All expressions that a run of it evaluates: of its problem, its steps' gates and conditions, its criteria."""
        of_steps = [text for step in self.steps for text in (step.gate, *(each.expression for each in step.conditions))]
        said = (self.problem_expression, *of_steps, *(criterion.expression for criterion in self.criteria))
        return tuple(dict.fromkeys(filter(None, said)))

    @property
    def changes(self) -> bool:
        """Whether any step writes."""
        return any(step.changes for step in self.steps)

    @property
    def alertnames(self) -> tuple[str, ...]:
        """The alerts that it answers."""
        return (self.alertname, *self.more_alertnames)

    @property
    def required_labels(self) -> tuple[str, ...]:
        """The labels that an alert must carry, in the order in which the steps name them."""
        return tuple(dict.fromkeys(label for step in self.steps for label in step.required_labels))

    def image_for(self, container: str) -> str | None:
        """The image that the plan would give a container, None where it leaves it alone."""
        return next((image for step in self.steps if (image := step.image_for(container))), None)
