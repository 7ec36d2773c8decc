"""Compile a runbook's bytes to a `Plan`: pure, without cluster or clock.

The same bytes give the same plan, in whatever directory.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath

from runmend.core.kinds import has_pods
from runmend.facts.step import StepFacts
from runmend.language.outputs import told_by
from runmend.plan.plan import WORKLOAD_LABELS, Plan, Step, target_labels
from runmend.runbook.actions import Action, find_actions, is_action
from runmend.runbook.criteria import EXAMPLES, compile_criteria, refuse_what_no_pod_can_show, settle_of, window_of
from runmend.runbook.diagnostic_steps import compile_diagnosis
from runmend.runbook.diagnostics import Diagnostic, Kind, Report, RunbookError, listed, quoted
from runmend.runbook.document import Block, Bullets, Code, Document, Inline, Item, Section, read_document
from runmend.runbook.expressions import OF_CRITERIA, OF_NODES
from runmend.runbook.gates import Compiled as Gates
from runmend.runbook.gates import Earlier, GateCompiler
from runmend.runbook.header import Header, read_header
from runmend.runbook.problem import problem_of
from runmend.runbook.prose import warn_of_prose
from runmend.runbook.steps import compile_steps
from runmend.runbook.targets import check_conditions, compile_target, elsewhere
from runmend.runbook.workflow import Use

_NAMED_MAX = 20


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan, what its writer should know about it, and where the keys of the front matter stand."""

    plan: Plan
    warnings: tuple[Diagnostic, ...]
    lines: dict[str, int]


def compile_runbook(source: bytes, file: str) -> Compiled:
    """Compile one runbook; `file` is how diagnostics name it, and its base name goes into the plan.

    Raises:
        RunbookError: it does not compile; with all that is wrong with it.
    """
    report = Report(file)
    document = read_document(source, report)
    if document is None:
        raise RunbookError(report.diagnostics)
    header = read_header(document, report)
    actions = find_actions(document, report)
    used = tuple(_used_actions(header, actions, report))
    target = compile_target(header, [step for _, parts in used for step in parts], report)
    gates = GateCompiler(report, target)
    steps = _steps(used, target, gates, report)
    changing = frozenset(step.action_id for step in steps if step.changes)
    warn_of_prose(document, frozenset(step.action_id for step in steps if step.restrictions), report)
    readers = OF_NODES if target == "Node" else OF_CRITERIA.of(target)
    criteria = compile_criteria(document, report, changes=bool(changing), readers=readers)
    if header.mode != "recommend":
        refuse_what_no_pod_can_show(criteria, steps, report)
    _warn_of_unread_sections(document, report)
    problem = problem_of(header, steps, actions, criteria, gates, report)
    if changing and not any(criterion.understood for criterion in criteria):
        line = next((part.line for part in document.section(Section.CRITERIA)), header.line("workflow"))
        report.error(
            line,
            "no success criterion can be checked, and the runbook changes something",
            f"under ## Success Criteria write {EXAMPLES}",
        )
    diagnosis = compile_diagnosis(document, report)
    _warn_of_labels(steps, target, report)
    if report.failed:
        raise RunbookError(report.diagnostics)
    report.warn_of_idle_silences()
    plan = Plan(
        sha256=hashlib.sha256(source).hexdigest(),
        file=PurePath(file).name,
        runbook_id=header.runbook_id,
        alertname=next(iter(header.alertnames), ""),
        more_alertnames=header.alertnames[1:],
        match=header.match,
        title=header.title,
        description=header.description,
        target=target,
        problem=_prose(document),
        state=problem.state,
        problem_expression=problem.expression,
        mode=header.mode,
        protect_serving=header.protect_serving,
        diagnosis=diagnosis,
        steps=steps,
        criteria=criteria,
        notes=_notes(document),
        settle_seconds=settle_of(criteria),
        window_seconds=window_of(criteria),
    )
    return Compiled(plan, report.diagnostics, header.lines)


def dump_plan(plan: Plan) -> bytes:
    """A plan as JSON: keys sorted, indented, one line end at its end. Equal plans give equal bytes."""
    return json.dumps(plan.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _used_actions(header: Header, actions: dict[str, Action], report: Report) -> Iterator[tuple[Use, tuple[Step, ...]]]:
    """The entries of the workflow in their order, each with the steps of its action: none where something is wrong."""
    uses = header.workflow
    if uses is None:
        if not actions and not report.failed:
            report.error(
                header.line("workflow"),
                "the file has no action",
                "under ## Remediation Actions write - **action_id**: `…` and - **command**: `…`",
            )
        uses = tuple(Use(action.action_id, action.line) for action in actions.values())
    for use in uses:
        action = actions.get(use.action_id)
        if action is None:
            named = [*islice(actions, _NAMED_MAX), *(["others"] if len(actions) > _NAMED_MAX else [])]
            known = f"actions are {listed(named, 'and')}" if actions else "the file has no action"
            report.error(
                use.line,
                f"the workflow runs {use.action_id}, and no action has that action_id",
                f"correct or remove it; {known}",
            )
        yield use, compile_steps(action, report) if action else ()
    used = {use.action_id for use in uses}
    for action in actions.values():
        if action.action_id not in used:
            report.warning(
                Kind.UNUSED_ACTION,
                action.line,
                f"the action {action.action_id} is not in the workflow, so it never runs",
                "add it to the workflow, or remove it",
            )


def _steps(
    used: tuple[tuple[Use, tuple[Step, ...]], ...], target: str, gates: GateCompiler, report: Report
) -> tuple[Step, ...]:
    """The steps in their order, with their gates."""
    steps: list[Step] = []
    earlier: dict[str, Earlier] = {}
    for number, (use, parts) in enumerate(used):
        if parts:
            check_conditions(parts[0], target, report)
            later = tuple(name for each, _ in used[number:] for name in each.names)
            found = gates.all_of(use.gates, earlier, later)
            _check_timeout(parts, use, report)
            steps += (_used(part, use, found) for part in parts)
        # What one that is wrong itself would tell is not known.
        told = [fact for part in parts for fact in told_by(part.operation)] or StepFacts.model_fields
        others = listed(list(dict.fromkeys(filter(None, (elsewhere(part.operation, target) for part in parts)))), "and")
        earlier |= dict.fromkeys(use.names, Earlier(told, others))
    return tuple(steps)


def _check_timeout(parts: tuple[Step, ...], use: Use, report: Report) -> None:
    needed = max((part.try_seconds for part in parts if part.changes), default=0)
    if use.timeout and use.timeout < needed:
        report.error(
            use.timeout_line,
            f"timeout is {use.timeout} s, and one try of a step that changes something takes up to {needed} s, "
            "because a write is waited for until it is known",
            f"write {needed}s or more",
        )


def _used(step: Step, use: Use, gate: Gates) -> Step:
    """A step with what its entry of the workflow says of it; its gate is not asked again once its action has begun."""
    seconds = use.timeout or step.budget_seconds
    return step.model_copy(
        update={
            "gate": "" if step.begun else " && ".join(filter(None, (step.gate, gate.expression))),
            "asks": () if step.begun else gate.asks,
            "output": use.output,
            "retries": use.retries,
            "on_error": use.on_error,
            "try_seconds": min(step.try_seconds, seconds),
            "budget_seconds": seconds,
        }
    )


def _warn_of_labels(steps: tuple[Step, ...], target: str, report: Report) -> None:
    """Say which labels an alert must carry besides those that the runbook asks for."""
    asking = next((step for step in steps if step.required_labels), None)
    if asking is None:
        return
    required = tuple(dict.fromkeys(label for step in steps for label in step.required_labels))
    instead = tuple(WORKLOAD_LABELS.values()) if has_pods(target) else ()
    found_by = [(name, *(instead if name == "pod" else ())) for name in target_labels(target)]
    if missing := [names for names in found_by if not set(names) & set(required)]:
        add = [*required, *(names[0] for names in missing)]
        report.warning(
            Kind.MISSING_LABEL,
            asking.line,
            f"the conditions require {listed(required, 'and')}; an alert without "
            f"{listed([name for names in missing for name in names], 'or')} starts no run either, because a run finds "
            "what it fixes by it",
            f"write Requires: {', '.join(f'`{name}`' for name in add)} labels, and let the alert carry them",
        )


def _warn_of_unread_sections(document: Document, report: Report) -> None:
    unread_level = 0
    titled = False
    for part in document.parts:
        if part.section is not None:
            unread_level = 0
            continue
        if part.heading is None or is_action(part):
            continue
        if not titled and part.level == 1:
            titled = True
        elif not unread_level or part.level <= unread_level:
            unread_level = part.level
            known = listed([section.value for section in Section], "and")
            report.warning(
                Kind.UNREAD_SECTION,
                part.line,
                f"the section {quoted(part.heading.plain)} is not read",
                f"leave it if it is for people; sections that are read: {known}",
            )


def _prose(document: Document) -> str:
    blocks = [block for part in document.section(Section.PROBLEM) for block in part.blocks]
    return "\n\n".join(text for block in blocks if (text := "\n".join(_lines(block))))


def _notes(document: Document) -> tuple[str, ...]:
    notes = []
    for part in document.section(Section.NOTES):
        for block in part.blocks:
            notes += [line.removeprefix("- ") for line in _lines(block)]
    return tuple(note for note in notes if note)


def _lines(block: Block) -> list[str]:
    match block:
        case Inline():
            return [block.plain]
        case Bullets():
            return [f"- {line}" for item in block.items for line in _item_lines(item)]
        case Code():
            return [block.text.rstrip("\n")]
    return []


def _item_lines(item: Item) -> list[str]:
    own = [text.plain for text in (item.inline, *item.more)] + [code.text.rstrip("\n") for code in item.codes]
    return [*(text for text in own if text), *(line for child in item.items for line in _item_lines(child))]
