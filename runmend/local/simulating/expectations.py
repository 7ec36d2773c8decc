"""What a runbook is expected to do, as its team writes it beside it: `RB_X.test.yaml` for `RB_X.md`. Pure.

Everything that is wrong with such a file is said at once, with its lines.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

import yaml
from pydantic import BaseModel, Field, JsonValue, ValidationError, field_validator, model_validator

from runmend.core import yaml_tree
from runmend.core.frozen import Frozen
from runmend.core.kinds import has_pods
from runmend.core.outcomes import Outcome
from runmend.core.wording import listed, quoted
from runmend.core.yaml_tree import YamlError, read_yaml
from runmend.local.demo.broken import SCENARIOS
from runmend.local.simulating.variations import Variation, variations_of
from runmend.plan.messages import StepStatus
from runmend.plan.plan import Plan
from runmend.runbook import Diagnostic
from runmend.runbook.diagnostics import Report

ENDING: Final = ".test.yaml"
SIZE_MAX: Final = 1_000_000
"""How many bytes a file may have."""
READY: Final = "ready"
ANSWERS: Final = ("unrouted", "gone")
"""What a bridge may answer instead of starting a run."""
_OUTCOMES: Final = (*(str(outcome) for outcome in Outcome if outcome is not Outcome.CANCELLED), *ANSWERS)
_REASON: Final = re.compile(r"[A-Z][A-Za-z]{1,60}")
_PODS_OF: Final = re.compile(r"(Deployment|ReplicaSet|StatefulSet|DaemonSet|Job|Pod)/[a-z0-9][a-z0-9.-]*")
_REMEDY: Final = "docs/cli.md says how expectations are written"


class Unreadable(Exception):
    """A file of expectations cannot be used; `diagnostics` are all that is wrong with it."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(map(str, diagnostics)))
        self.diagnostics = diagnostics


class Expect(Frozen):
    """What has to come of a case. What is not named is not looked at."""

    outcome: str
    says: str = ""
    """What the run's summary, or the bridge's reason, has to contain."""
    steps: dict[str, StepStatus] = {}
    """Step → how it has to end."""
    changes: tuple[str, ...] | None = None
    """Everything that has to be changed, in the report's words: `replicas: 2 → 3`."""
    removed: int | None = Field(default=None, ge=0)
    """How many pods have to be taken away."""

    @field_validator("outcome")
    @classmethod
    def _is_one(cls, outcome: str) -> str:
        if outcome not in _OUTCOMES:
            raise ValueError(f"{quoted(outcome)} is no outcome; write {listed(_OUTCOMES)}")
        return outcome


class Alert(Frozen):
    """The alert that is sent: with `pods_of`, one for each pod of that workload."""

    labels: dict[str, str] = {}
    pods_of: str = ""

    @field_validator("pods_of")
    @classmethod
    def _is_a_workload(cls, name: str) -> str:
        if name and not _PODS_OF.fullmatch(name):
            raise ValueError(f"{quoted(name)} is no workload; write for example Deployment/web")
        return name


class Case(Frozen):
    """One case: what is there, the alert for it, and what has to come of that."""

    name: str = Field(min_length=1, max_length=200)
    scenario: str | None = None
    variation: Variation = Variation.BROKEN
    objects: tuple[dict[str, JsonValue], ...] = ()
    then: tuple[dict[str, JsonValue], ...] = ()
    """Patches of these objects, or of what an embedded cluster has from the beginning, made once all pods are Ready:
    each names its object, and what changes.
    """
    until: str = ""
    """What is waited for before the alert: `ready`, why a container waits, or the reason of an object's condition.
    Empty: `ready` where there are pods.
    """
    alert: Alert = Alert()
    expect: Expect

    @field_validator("scenario")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in SCENARIOS:
            raise ValueError(f"{quoted(name)} is no scenario; write {listed([*SCENARIOS])}")
        return name

    @field_validator("until")
    @classmethod
    def _can_be_waited_for(cls, until: str) -> str:
        if until and until != READY and not _REASON.fullmatch(until):
            raise ValueError(f"{quoted(until)} is nothing to wait for; write ready, or a reason as ImagePullBackOff")
        return until

    @field_validator("objects", "then")
    @classmethod
    def _are_objects(cls, objects: tuple[dict[str, JsonValue], ...]) -> tuple[dict[str, JsonValue], ...]:
        for number, each in enumerate(objects, 1):
            metadata = each.get("metadata")
            name = metadata.get("name") if isinstance(metadata, dict) else None
            missing = [key for key in ("apiVersion", "kind") if not isinstance(each.get(key), str)]
            missing += [] if isinstance(name, str) else ["metadata.name"]
            if missing:
                raise ValueError(f"number {number} has no {listed(missing, 'and')}; write a whole Kubernetes manifest")
        return objects

    @model_validator(mode="after")
    def _fits_together(self) -> "Case":
        own = bool(self.objects or self.then)
        if bool(self.scenario) is own:
            raise ValueError("a case has either a scenario, or objects and what becomes of them then")
        if self.scenario and (self.until or self.alert.pods_of):
            raise ValueError("until and pods_of are for objects; a scenario brings its own")
        if own and self.variation is not Variation.BROKEN:
            raise ValueError("a variation is one of a scenario; objects are as they are written")
        if self.scenario and self.variation not in (possible := variations_of(SCENARIOS[self.scenario])):
            raise ValueError(f"{self.scenario} has no variation {self.variation}; write {listed(possible)}")
        if own and not (self.alert.labels or self.alert.pods_of):
            raise ValueError("objects need an alert: its labels, or pods_of")
        return self

    @property
    def waits_for(self) -> str:
        """What is waited for before the alert; empty: nothing."""
        pods = any(has_pods(str(each["kind"])) for each in self.objects if "." not in str(each["kind"]))
        return self.until or (READY if pods else "")


class Expectations(Frozen):
    """A whole file."""

    cases: tuple[Case, ...]

    @field_validator("cases")
    @classmethod
    def _are_some(cls, cases: tuple[Case, ...]) -> tuple[Case, ...]:
        if not cases:
            raise ValueError("there is no case")
        return cases


def read_expectations(text: str, file: str, plan: Plan) -> Expectations:
    """Read a file of expectations of a runbook.

    Raises:
        Unreadable: all that is wrong with it.
    """
    report = Report(file)
    try:
        tree = read_yaml(text)
    except YamlError as error:
        report.error(error.line + 1, error.problem, "correct the YAML")
        raise Unreadable(report.diagnostics) from None
    try:
        # The tree has refused what a loader could be made to build.
        found = Expectations.model_validate({} if tree is None else yaml.safe_load(text))
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            line = _line_of(tree, each["loc"])
            report.error(line, *_in_words(each["loc"], each["type"], each["msg"]))
        raise Unreadable(report.diagnostics) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        report.error(1, "it holds a tag, a number or a date that cannot be read", "put it into quotes")
        raise Unreadable(report.diagnostics) from None
    for place, problem, remedy in _misfits(found, plan):
        report.error(_line_of(tree, place), problem, remedy)
    if report.failed:
        raise Unreadable(report.diagnostics)
    return found


def _misfits(found: Expectations, plan: Plan) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What does not go with the runbook, or with another case."""
    steps = [step.named for step in plan.steps]
    names: set[str] = set()
    for number, case in enumerate(found.cases):
        place = ("cases", number)
        if case.name in names:
            yield (*place, "name"), f"the name {quoted(case.name)} stands there twice", "give each case its own"
        names.add(case.name)
        for step in case.expect.steps:
            if step not in steps:
                problem = f"{plan.runbook_id} has no step {quoted(step)}"
                yield (*place, "expect", "steps", step), problem, f"write {listed(steps)}"


def _in_words(loc: tuple[str | int, ...], kind: str, message: str) -> tuple[str, str]:
    where = ".".join(str(each) for each in loc if isinstance(each, str)) or "the file"
    if kind == "extra_forbidden":
        return f"unknown key {quoted(str(loc[-1]))}", f"write {listed(_known_at(loc[:-1]))}"
    if kind == "missing":
        return f"{where} is missing", _REMEDY
    text = message.removeprefix("Value error, ")
    problem, _, remedy = text.partition("; ")
    named = problem if kind == "value_error" else f"{where}: {problem[:1].lower()}{problem[1:]}"
    return named, remedy or _REMEDY


def _known_at(loc: Iterable[str | int]) -> list[str]:
    """The keys of the model at a place."""
    model: type[BaseModel] = Expectations
    for each in loc:
        if isinstance(each, str):
            annotation = model.model_fields[each].annotation
            model = next(some for some in (annotation, *get_args(annotation)) if _is_model(some))
    return [*model.model_fields]


def _is_model(annotation: Any) -> bool:  # noqa: ANN401  whatever stands behind a field's name
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _line_of(node: yaml_tree.Node | None, loc: Iterable[str | int]) -> int:
    """The line of a place, or of the nearest thing around it; of a mapping's entry that of its key."""
    line = node.line if node else 0
    for each in loc:
        entries: Mapping[str | int, tuple[int, yaml_tree.Node]] = {}
        if isinstance(node, yaml_tree.Mapping):
            entries = {name.value: (name.line, value) for name, value in node.entries}
        elif isinstance(node, yaml_tree.Sequence):
            entries = {number: (value.line, value) for number, value in enumerate(node.items)}
        if each not in entries:
            break
        line, node = entries[each]
    return line + 1
