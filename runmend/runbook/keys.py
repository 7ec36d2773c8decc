"""What may be written in a runbook besides sentences and commands: the keys of its front matter and of a step, and the
items of an action.

Read by the compiler, which refuses any other key, and by the documentation. Each example stands by itself, and a test
compiles it within a small runbook.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Key:
    """A key or an item: what it says, and an example."""

    name: str
    means: str
    example: str


OF_RUNBOOKS: Final = (
    Key(
        "runbook_id",
        "Required. A letter, then letters, digits, `_` and `-`, at most 63. It is the Temporal workflow's type, and "
        "unique among the files of a directory and its subdirectories.",
        "runbook_id: RB_EXAMPLE",
    ),
    Key(
        "alertname",
        "Required. The alert that the runbook answers, or a list of them. An alert may name another runbook by a label "
        "or an annotation `runbook_id`.",
        "alertname: [KubePodCrashLooping, KubePodNotReady]",
    ),
    Key("title", "One line. Where it is left out, the first heading (`# …`) is the title.", "title: Crash loop"),
    Key("description", "One line.", "description: Goes back to the revision before"),
    Key(
        "workflow",
        "The steps in their order: names of actions, or entries with keys of their own (below). Each action at most "
        "once. Without it every action runs, in the order of the file.",
        "workflow: [look, fix]",
    ),
    Key(
        "match",
        "Matchers on the alert's labels, as Alertmanager writes them, with `=`, `!=`, `=~` and `!~`. All must match. "
        "Of the runbooks of one alert the one with the most matchers wins; two that could tie are an error.",
        """match: ['team="payments"', 'severity=~"critical|warning"']""",
    ),
    Key(
        "target",
        "The kind of object that is fixed: a workload, Pod, Node, PersistentVolumeClaim or another, or a custom "
        "resource as its CustomResourceDefinition is called. A target of another kind is not touched: "
        "`PreconditionFailed`. Where it is left out, the changing commands say it: one that changes a node makes it a "
        "runbook for nodes, whose alerts need the label `node`.",
        "target: Deployment",
    ),
    Key("problem", "What the problem is, an expression or a sentence.", "problem: Container is in CrashLoopBackOff"),
    Key(
        "mode",
        "`recommend` (change nothing, say what would be changed) or `auto`. The strictest of installation, runbook and "
        "run wins.",
        "mode: recommend",
    ),
    Key(
        "protect_serving",
        "`false`: change a workload even while pods of it serve, and change what its init containers run. Where it is "
        "left out, the installation decides.",
        "protect_serving: false",
    ),
    Key("silence", "Kinds of warnings that are left out.", "silence: [no-problem]"),
)
OF_STEPS: Final = (
    Key("action_id", "Required. The action that the step does.", "action_id: fix"),
    Key("output", "Another name of its result, besides its `action_id`, for later gates.", "output: fixed"),
    Key("when", "A gate: the step runs only where it holds.", "when: container.restarts > 3"),
    Key(
        "when_all",
        "Gates that must all hold.",
        "when_all: [workload.replicas > 1, 'Container is in CrashLoopBackOff']",
    ),
    Key("when_any", "Gates of which one must hold.", "when_any: [pod.restarts > 3, look.failed]"),
    Key("unless", "A gate that must not hold.", "unless: workload.paused"),
    Key(
        "retries",
        "How often it is tried again, 0 to 100; without it as often as its time allows. To wait for a controller is a "
        "try as well.",
        "retries: 3",
    ),
    Key(
        "timeout",
        "The time of all its tries, at most 24 h; without it 5 minutes. A step that changes something has 90 s at "
        "least, which one try may take.",
        "timeout: 10m",
    ),
    Key(
        "on_error",
        "`abort` (without it): the run fails. `continue`: the failure stands in the report, and the run goes on; what "
        "the step may have written is verified all the same. A change that somebody has put back always ends the run. "
        "Where every step that would change something failed, so does the run.",
        "on_error: continue",
    ),
)
OF_ACTIONS: Final = (
    Key("action_id", "Required. The action's name, which the workflow lists.", "- **action_id**: `fix`"),
    Key(
        "command",
        "Required. Commands of the table of verbs: one in backticks, or several, in a list, in code blocks under the "
        "item, or joined by `&&`. They are done in order.",
        "- **command**: `kubectl rollout undo deployment/{deployment} -n {namespace}`",
    ),
    Key(
        "description",
        'What it does. Only a condition that it begins with, or that its first sentence ends with, binds: "If …, '
        'patch", "Patch … if …".',
        "- **description**: If container is in CrashLoopBackOff, go back to the revision before.",
    ),
    Key(
        "conditions",
        "A list of what must hold for the action to be allowed.",
        "- **conditions**:\n  - There is a previous revision\n  - `workload.replicas > 1`",
    ),
    Key(
        "when",
        "A condition, or a list of them, that gates the action as one does that its description begins with; also "
        "`if`, `only_if`. What earlier steps came to is asked in the workflow.",
        "- **when**: `workload.replicas > 1`",
    ),
    Key("unless", "A condition that must not hold, or a list of them.", "- **unless**: the Deployment is paused"),
    Key(
        "calculation",
        "Gives a placeholder of the command its value, once, from what was observed. Several stand in a list under it.",
        "- **command**: `kubectl set resources deployment/{deployment} -c {container} --limits=memory={new_limit} "
        "-n {namespace}`\n- **calculation**: `new_limit = max(256Mi, current_limit * 2)` (max 4Gi)",
    ),
    Key(
        "approval",
        "`none` is its writer's word that nothing of the action's prose is meant to wait for a person. It takes back "
        "no condition that is not understood, and no item that is not read.",
        "- **approval**: `none`\n- **description**: Never do this by hand.",
    ),
)
OF_VALUES: Final = (
    Key(
        "NAME",
        "Any other name gives a placeholder of the action's command, `{NAME}`, its value.",
        "- **command**: `kubectl set image deployment/{deployment} {container}={new_image} -n {namespace}`\n"
        "- **new_image**: `registry.example/app:1.0`",
    ),
    Key(
        "max",
        "The most that the action's one calculation may come to, `{new_limit}`'s default as well; also `maximum`, "
        "`at_most`, `upper_bound`, `bound`. A number alone.",
        "- **command**: `kubectl set resources deployment/{deployment} -c {container} --limits=memory={new_limit} "
        "-n {namespace}`\n- **calculation**: `new_limit = current_limit * 2`\n- **max**: `4Gi`",
    ),
    Key(
        "min",
        "The least that it may come to; also `minimum`, `at_least`, `lower_bound`.",
        "- **command**: `kubectl scale deployment/{deployment} --replicas={wanted} -n {namespace}`\n"
        "- **calculation**: `wanted = replicas + 1`\n- **min**: `2`",
    ),
)
"""Items of an action whose names the action's writer chooses, and those that bound its calculation."""


def names(keys: Iterable[Key]) -> tuple[str, ...]:
    """The names of keys, in their order."""
    return tuple(key.name for key in keys)
