"""docs/language.md: its tables are what the code has, and everything that it shows is compiled."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.language import (
    DOCUMENT,
    REFUSED_COMMANDS,
    TABLES,
    example_of_flag,
    example_of_state,
    refusal,
    tables_in,
    written,
)
from runmend.cli.language import sentence_rows
from runmend.facts.examples import example_of
from runmend.facts.expressions import compiled
from runmend.facts.groups import FUNCTIONS, GROUPS
from runmend.facts.schema import MODELS, described
from runmend.images.pull_failures import Cause
from runmend.language.derived import DERIVED, OF_THE_RUN
from runmend.language.states import STATES
from runmend.language.verbs import VERBS, verb_of
from runmend.language.verbs.command import Flag
from runmend.language.verbs.verb import Verb
from runmend.plan.operations import Operation
from runmend.plan.plan import BUILT_IN_PLACEHOLDERS, DERIVED_PLACEHOLDERS, Probe
from runmend.runbook.compiler import Compiled, compile_runbook
from runmend.runbook.diagnostics import Kind, Report, RunbookError
from runmend.runbook.forms import Place
from runmend.runbook.gates import ALIASES
from runmend.runbook.keys import OF_ACTIONS, OF_RUNBOOKS, OF_STEPS, OF_VALUES, Key
from runmend.runbook.kubectl import parse_command
from runmend.runbook.sentences import read_sentence
from runmend.runbook.values import Parameter, Values

TEXT = DOCUMENT.read_text(encoding="utf-8")
LOOK = "- **action_id**: `look`\n- **command**: `kubectl get events -n {namespace}`\n"
FIX = "- **action_id**: `fix`\n- **command**: `kubectl rollout undo deployment/{deployment} -n {namespace}`\n"
EVERY_FACT = [(kind, fact, means) for kind, model in MODELS.items() for fact, means in described(model)]
EVERY_FLAG = [(verb, flag) for verb in VERBS for flag in verb.flags]


def a_runbook(header: str = "", *, look: str = "look", fix: str = "fix", action: str = FIX, criteria: str = "") -> str:
    """A small runbook of two actions, its front matter's keys replaced by those of `header`."""
    given: dict[str, Any] = yaml.safe_load(header) or {}
    plain = {"runbook_id": "RB_EXAMPLE", "alertname": "KubePodCrashLooping", "title": "An example"}
    kept = "".join(f"{key}: {value}\n" for key, value in plain.items() if key not in given)
    workflow = "" if "workflow" in given else f"workflow:\n  - {look}\n  - {fix}\n"
    own = f"{header}\n" if header else ""
    return (
        f"---\n{kept}{own}{workflow}---\n## Remediation Actions\n### Look\n{LOOK}\n### Fix\n{action}\n"
        f"## Success Criteria\n{criteria or '- Pods become Ready'}\n"
    )


def compile_text(text: str) -> Compiled:
    return compile_runbook(text.encode(), "example.md")


def operation_of(command: str) -> Operation:
    report = Report("example")
    operation = parse_command(command, Values(report, 1, {"fallback_image": Parameter("fallback_image", "app:1", 1)}))
    assert [str(diagnostic) for diagnostic in report.diagnostics] == []
    assert operation
    return operation


def of_blocks(language: str) -> list[str]:
    """The code blocks of a language outside of the tables."""
    by_hand = re.sub(r"<!-- table: .*?<!-- end -->", "", TEXT, flags=re.DOTALL)
    return re.findall(rf"^```{language}\n(.*?)^```$", by_hand, re.DOTALL | re.MULTILINE)


def test_the_tables_are_what_the_code_has() -> None:
    assert written(TEXT) == TEXT, "make language writes them anew"


def test_every_table_stands_there_once() -> None:
    assert sorted(tables_in(TEXT)) == sorted(TABLES)


@pytest.mark.parametrize(
    ("kind", "fact", "means"), EVERY_FACT, ids=[f"{kind}.{fact.name}" for kind, fact, _ in EVERY_FACT]
)
def test_the_example_of_a_fact_reads_it(kind: str, fact: Any, means: str) -> None:
    assert means
    assert fact.name in compiled(example_of(kind, fact, means)).facts


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_the_example_of_a_function_calls_it(function: Any) -> None:
    assert compiled(function.example).named(function.name) == {function.asked}


@pytest.mark.parametrize("row", sentence_rows(), ids=lambda row: row["sentence"])
def test_a_sentence_stands_for_the_expression_beside_it(row: dict[str, Any]) -> None:
    places: tuple[Place, ...] = ("criterion", "condition")
    for place in (place for place in places if place in row["place"]):
        read = read_sentence(row["sentence"], place, row["query"])
        assert read
        assert (read.expression or row["expression"]) == row["expression"]
    if not row["expression"].startswith("the "):
        compiled(row["expression"])


@pytest.mark.parametrize("state", STATES.values(), ids=lambda state: state.name)
def test_the_example_of_a_state_speaks_of_it(state: Any) -> None:
    read = read_sentence(example_of_state(state), "condition")

    assert read
    assert (state.node or state.name) in read.expression


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.words)
def test_the_example_of_a_verb_compiles(verb: Verb[Any]) -> None:
    assert verb_of(operation_of(verb.example)) is verb


@pytest.mark.parametrize(("verb", "flag"), EVERY_FLAG, ids=[f"{verb.words} {flag.name}" for verb, flag in EVERY_FLAG])
def test_every_flag_is_described_and_stands_in_an_example(verb: Verb[Any], flag: Flag) -> None:
    example = example_of_flag(verb, flag)

    assert flag.means
    assert verb_of(operation_of(example)) is verb
    assert re.search(rf" (?:{flag.name}|-{flag.short or flag.name})[ =]?", f"{example} ")


@pytest.mark.parametrize("key", OF_RUNBOOKS, ids=lambda key: key.name)
def test_the_example_of_a_key_of_the_front_matter_compiles(key: Key) -> None:
    assert list(yaml.safe_load(key.example)) == [key.name]
    compiled_with, without = (compile_text(a_runbook(header)) for header in (key.example, ""))

    if key.name == "silence":
        assert [diagnostic.kind for diagnostic in without.warnings] == [Kind.NO_PROBLEM]
        assert compiled_with.warnings == ()
    elif key.example != "runbook_id: RB_EXAMPLE" and key.name != "workflow":
        assert compiled_with.plan.model_copy(update={"sha256": ""}) != without.plan.model_copy(update={"sha256": ""})


@pytest.mark.parametrize("key", OF_STEPS, ids=lambda key: key.name)
def test_the_example_of_a_key_of_a_step_compiles(key: Key) -> None:
    assert list(yaml.safe_load(key.example)) == [key.name]
    entry = key.example if key.name == "action_id" else f"action_id: fix\n    {key.example}"

    with_it, without = (compile_text(a_runbook(fix=fix)).plan.steps[1] for fix in (entry, "action_id: fix"))

    assert with_it != without or key.name == "action_id"


@pytest.mark.parametrize("key", [*OF_ACTIONS, *OF_VALUES], ids=lambda key: key.name)
def test_the_example_of_an_item_compiles(key: Key) -> None:
    lines = FIX.splitlines(keepends=True)
    own = [line for line in lines if line.partition("**: ")[0] not in key.example]

    found = compile_text(a_runbook(action="".join([*own, key.example, "\n"])))

    unread = {Kind.UNUSED_ITEM, Kind.UNREAD_TEXT, Kind.RECOMMEND_ONLY}
    assert [str(warning) for warning in found.warnings if warning.kind in unread] == []
    assert key.name == "NAME" or f"**{key.name}**" in key.example


def test_every_placeholder_has_an_example() -> None:
    derived = {each.name: each.example for each in DERIVED}

    assert OF_THE_RUN.keys() | derived.keys() == BUILT_IN_PLACEHOLDERS | DERIVED_PLACEHOLDERS
    assert [
        name for name, example in derived.items() if not re.search(rf"\b{name}\b", example.partition("=")[2] or example)
    ] == []


@pytest.mark.parametrize(
    ("name", "example"),
    [(name, example) for name, (_, example) in OF_THE_RUN.items()] + [(each.name, each.example) for each in DERIVED],
)
def test_the_example_of_a_placeholder_compiles(name: str, example: str) -> None:
    if example.startswith("kubectl "):
        operation_of(example)
        assert f"{{{name}}}" in example
        return
    value = example.partition(" ")[0]
    what = f"scale deployment/{{deployment}} --replicas={{{value}}}"
    if value != "wanted":
        what = f"set resources deployment/{{deployment}} -c {{container}} --limits=memory={{{value}}}"
    command = f"kubectl {what} -n {{namespace}}"
    action = f"- **action_id**: `fix`\n- **command**: `{command}`\n- **calculation**: `{example}`\n"
    (calculation,) = compile_text(a_runbook(action=action)).plan.steps[1].calculations
    assert name in calculation.names


@pytest.mark.parametrize("command", REFUSED_COMMANDS)
def test_what_is_said_to_be_refused_is(command: str) -> None:
    problem, remedy = refusal(command)

    assert problem
    assert remedy


@pytest.mark.parametrize("name", ALIASES)
def test_another_name_of_a_fact_is_read_in_a_gate(name: str) -> None:
    found = compile_text(a_runbook(fix=f"action_id: fix\n    when: look.{name}"))

    assert Kind.READ_AS in {warning.kind for warning in found.warnings}


def test_every_warning_is_described() -> None:
    assert [kind for kind in Kind if not kind.means] == []


@pytest.mark.parametrize("block", of_blocks("yaml"))
def test_the_front_matter_that_is_shown_compiles(block: str) -> None:
    header = block.replace("---\n", "")
    names = re.findall(r"action_id: (\w+)", header)
    text = a_runbook(header) + "".join(
        f"\n### {name}\n{(FIX if number else LOOK).replace('fix', name).replace('look', name)}"
        for number, name in enumerate(names)
    )
    found = text.replace("## Success Criteria", "## Ends", 1) + "\n## Success Criteria\n- Pods become Ready\n"
    compile_text(found)


@pytest.mark.parametrize("block", of_blocks("markdown"))
def test_the_action_that_is_shown_compiles(block: str) -> None:
    action = re.sub(r"^### .*\n", "", block)
    if "action_id" not in action:
        action = "- **action_id**: `fix`\n" + action
    name = re.search(r"action_id\*\*: `(\w+)`", action)
    assert name
    compile_text(a_runbook(fix=name[1], action=action))


@pytest.mark.parametrize("criterion", [line for block in of_blocks("criteria") for line in block.splitlines()])
def test_the_criterion_that_is_shown_is_understood(criterion: str) -> None:
    (found,) = compile_text(a_runbook(criteria=criterion)).plan.criteria

    assert found.understood


@pytest.mark.parametrize("block", of_blocks("success"))
def test_criteria_with_a_query_that_are_shown_are_understood(block: str) -> None:
    found = compile_text(a_runbook(criteria=block)).plan.criteria

    assert [criterion.text for criterion in found if not criterion.understood] == []
    assert len(found) > 1


@pytest.mark.parametrize("expression", [line for block in of_blocks("cel") for line in block.splitlines()])
def test_the_expression_that_is_shown_compiles(expression: str) -> None:
    compiled(expression)


def test_the_error_that_is_shown_is_what_is_said() -> None:
    (shown,) = re.findall(r"^RB_WEB\.md:.*: error: .*$", TEXT, re.MULTILINE)
    text = a_runbook(fix="action_id: fix\n    when: workload.replica > 1")

    with pytest.raises(RunbookError) as caught:
        compile_runbook(text.encode(), "RB_WEB.md")

    assert [str(error) for error in caught.value.errors] == [shown]


def test_every_cause_of_a_failed_pull_is_looked_for_by_its_name() -> None:
    named = [cause for cause in Cause if cause is not Cause.OTHER]
    text = a_runbook() + f"## Diagnostic Steps\n- **Causes**\n  - Look for: {', '.join(named)}\n"

    (step,) = compile_text(text).plan.diagnosis

    assert list(step.look_for) == named
    assert [cause for cause in named if not re.search(rf"^\| (?:… )?{cause} \|", TEXT, re.MULTILINE)] == []


def test_the_diagnostic_points_that_are_shown_ask_for_every_probe() -> None:
    (block,) = of_blocks("diagnosis")

    (step,) = compile_text(a_runbook() + "## Diagnostic Steps\n" + block).plan.diagnosis

    assert {point.probe for point in step.points} == set(Probe)


def test_every_group_of_facts_is_one_that_something_may_read() -> None:
    assert [name for name, group in GROUPS.items() if not group.doc] == []


@pytest.mark.parametrize("page", ["language.md", "runbooks.md", "cli.md", "bridge.md", "design.md"])
def test_links_between_the_pages_lead_to_a_heading(page: str) -> None:
    docs = Path(DOCUMENT).parent
    text = (docs / page).read_text(encoding="utf-8")
    for file, anchor in re.findall(r"\]\((?:(language\.md|runbooks\.md))?#([\w-]+)\)", text):
        headings = re.findall(r"^#+ (.+)$", (docs / (file or page)).read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, anchor
