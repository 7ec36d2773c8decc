"""What holds for every text: the compiler raises nothing but its own error, and no value changes an operation's
structure."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runmend.core.yaml_tree import YamlError, read_yaml
from runmend.plan.operations import Operation
from runmend.plan.plan import BUILT_IN_PLACEHOLDERS, Plan, fill
from runmend.runbook import RunbookError, compile_runbook, dump_plan
from runmend.runbook.diagnostics import Report
from runmend.runbook.document import SIZE_MAX, read_document
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Parameter, Values

SEED = (Path(__file__).parents[3] / "runbooks" / "RB_IMAGEPULL.md").read_text()
LINES = SEED.splitlines()
PIECES = [
    *LINES,
    "---", "- ", "> ", "```", "    ", "| a | b |", "|---|---|", "<!--", "-->", "<pod>", "**a**: `b`",
    "&a", "*a", "\t", "\\", "{pod}",
    "[[", "workflow:", "- action_id: x", "mode: yes", "protect_serving: 1", "!!python/object:os.system",
    "## Success Criteria", "# Notes",
    "match:", "- a=~(", "problem: Pod is in", "    retries: 2", "    when: get_pod_events.done", "    on_error: x",
    "  - Only if `pods.exists(p, p.ready)` and", "### Patch (if pod is in ImagePullBackOff)", "- **approval**: none",
    "  - Unless the Deployment is paused",
    "  - Requires: `pod` labels", "If pod is in", "\x00", "\u2028", "\ufeff", "0x_", "2001-99-99", "? : :",
    "%YAML 1.1", '"\\ud800"', "<<: a",
]  # fmt: skip
COMMAND_PIECES = [
    "kubectl", "get",
    "events", "patch", "deployment", "{deployment}", "-n", "{namespace}", "--field-selector",
    "involvedObject.name={pod}",
    "-p", "'", '"', "\\", '{"spec":', "{pod}", "[", "]", "}", ":", ",", "=", "!=", "--", "-", "-nx", "--type=", "$",
    "$(", "`", "&&", "|", "\n",
    "{}", "- ", "*a", "&a", "containers", "{x}", "\x00", "exec", "\u00a0",
]  # fmt: skip
ADVERSARIAL = [
    "[",
    "> ",
    "- ",
    "* a\n  ",
    "1. ",
    "**a ",
    "*a_",
    "![",
    "](",
    "[a](",
    "<a",
    "&a;",
    "|a|\n",
    "`",
    "\\[",
    "#",
    "# a\n",
    "- **a**: ",
    "- a\n",
]


def compiles_or_says_why(source: bytes) -> None:
    try:
        plan = compile_runbook(source, "rb.md").plan
    except RunbookError as error:
        says_why(error)
    else:
        assert Plan.model_validate_json(dump_plan(plan)) == plan


def says_why(error: RunbookError) -> None:
    lines = [diagnostic.line for diagnostic in error.diagnostics]
    assert error.errors
    assert lines == sorted(lines)
    assert lines[0] >= 1
    assert all(diagnostic.problem and diagnostic.remedy for diagnostic in error.diagnostics)
    str(error).encode()


@given(st.binary())
@example(b"---\n\xff\n---\n")
def test_arbitrary_bytes_compile_or_are_a_runbook_error(source: bytes) -> None:
    compiles_or_says_why(source)


@given(st.text())
def test_arbitrary_front_matter_compiles_or_is_a_runbook_error(header: str) -> None:
    compiles_or_says_why(f"---\n{header}\n---\n{SEED.split('---', 2)[2]}".encode(errors="replace"))


@given(st.lists(st.sampled_from(PIECES)), st.lists(st.sampled_from(PIECES)))
def test_shuffled_pieces_compile_or_are_a_runbook_error(header: list[str], body: list[str]) -> None:
    compiles_or_says_why("\n".join(["---", *header, "---", *body]).encode())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINES)),
            st.sampled_from(["delete", "double", "insert", "append", "indent", "text"]),
            st.sampled_from(PIECES),
            st.text(max_size=20),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_mutated_seed_compiles_or_is_a_runbook_error(changes: list[tuple[int, str, str, str]]) -> None:
    lines = list(LINES)
    for at, change, piece, text in changes:
        here = slice(at, at + 1)
        match change:
            case "delete":
                lines[here] = []
            case "double":
                lines[here] = lines[here] * 2
            case "insert":
                lines[at:at] = [piece]
            case "append":
                lines[here] = [line + piece for line in lines[here]]
            case "indent":
                lines[here] = ["  " + line for line in lines[here]]
            case _:
                lines[here] = [line.replace("ImagePullBackOff", text) for line in lines[here]]
    compiles_or_says_why("\n".join(lines).encode(errors="replace"))


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_a_large_and_deep_file_takes_seconds_and_overflows_nothing(piece: str) -> None:
    started = time.monotonic()

    for where in (
        SEED + "\n\n",
        SEED[: SEED.index("- Pod transitions")],
        SEED[: SEED.index("- **command**: `kubectl patch")],
    ):
        compiles_or_says_why((where + piece * ((SIZE_MAX // 16 - len(where)) // len(piece))).encode())

    assert time.monotonic() - started < 30


@pytest.mark.parametrize("piece", ["[", "{a: ", "- ", "? ", "a: [", "'", "&a ", "!!", "%"])
def test_a_large_and_deep_front_matter_takes_seconds_and_overflows_nothing(piece: str) -> None:
    started = time.monotonic()

    compiles_or_says_why(f"---\n{piece * (60_000 // len(piece))}\n---\n".encode())

    assert time.monotonic() - started < 30


@given(st.text())
@example("- &a [1]\n- *a")
@example("a: " + "9" * 5000)
def test_arbitrary_yaml_is_read_or_is_a_yaml_error(text: str) -> None:
    line = 0
    try:
        read_yaml(text)
    except YamlError as error:
        line = error.line
    assert 0 <= line <= text.count("\n")


def parse(command: str) -> Operation | None:
    report = Report("rb.md")
    operation = parse_command(command, Values(report, 1, {"image": Parameter("image", "nginx:1", 2)}))
    assert (operation is None) == report.failed
    return operation


@given(st.text())
def test_an_arbitrary_command_is_an_operation_or_an_error(command: str) -> None:
    parse(command)
    parse(f"kubectl get events -n {{namespace}} {command}")
    parse(f"kubectl patch deployment {{deployment}} -n {{namespace}} -p {command}")
    parse("kubectl patch deployment {deployment} -n {namespace} -p '" + command.replace("'", "") + "'")


@given(st.lists(st.sampled_from(COMMAND_PIECES)), st.sampled_from(["", " "]))
def test_shuffled_words_are_an_operation_or_an_error(pieces: list[str], between: str) -> None:
    parse(between.join(pieces))
    parse("kubectl patch deployment {deployment} -n {namespace} -p " + between.join(pieces))


@given(st.fixed_dictionaries({name: st.text() for name in sorted(BUILT_IN_PLACEHOLDERS)}))
@example(dict.fromkeys(BUILT_IN_PLACEHOLDERS, "{fallback_image}"))
@example(dict.fromkeys(BUILT_IN_PLACEHOLDERS, '"},{"name":"x'))
@example(dict.fromkeys(BUILT_IN_PLACEHOLDERS, "a,involvedObject.kind=Node"))
def test_no_value_changes_the_structure_of_an_operation(values: dict[str, str]) -> None:
    plan = compile_runbook(SEED.encode(), "rb.md").plan
    for step in plan.steps:
        known = {**step.parameters, **values}
        operation = step.operation
        filled = operation.model_copy(
            update={
                "name": fill(operation.name, known),
                "namespace": fill(operation.namespace, known),
                "arguments": filled_in(operation.arguments, known),
            }
        )
        assert shape(filled.model_dump()) == shape(operation.model_dump())
        assert filled.namespace == values["namespace"]
        text = json.dumps(filled.arguments, ensure_ascii=False)
        if step.changes:
            pod = {"containers": [{"name": values["container"], "image": step.parameters["fallback_image"]}]}
            assert json.loads(text)["body"] == {"spec": {"template": {"spec": pod}}}
        else:
            term = {"field": "involvedObject.name", "operator": "=", "value": values["pod"]}
            assert json.loads(text)["field_selector"] == [term]


def filled_in(value: Any, known: dict[str, str]) -> Any:
    """JSON whose texts have their placeholders filled."""
    if isinstance(value, dict):
        return {key: filled_in(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [filled_in(each, known) for each in value]
    return fill(value, known) if isinstance(value, str) else value


def shape(value: object) -> object:
    """A value without its texts: keys, lengths of lists, types."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shape(part) for part in value]
    return type(value).__name__


@given(
    st.lists(st.sampled_from(["- ", "1. ", "> ", "* "]), max_size=30),
    st.sampled_from(["needle", "# needle", "`needle`", "> needle", "**needle", "a\n\n    needle", "<b>needle</b>"]),
)
@example(["- "] * 9, "needle")
@example(["- "] * 10, "needle")
@example(["> "] * 19, "needle")
@example(["> "] * 20, "needle")
@example([*["> "] * 19, "- "], "needle")
def test_no_text_is_lost_without_a_word_however_deep_it_stands(marks: list[str], text: str) -> None:
    report = Report("rb.md")

    document = read_document(f"# T\n\n{''.join(marks)}{text}\n".encode(), report)

    assert "needle" in repr(document) or report.failed
    assert not report.failed or len(marks) > 9


def test_what_stands_too_deep_is_said_with_its_line() -> None:
    with pytest.raises(RunbookError) as caught:
        compile_runbook(f"{SEED}\n\n{'- ' * 12}only after approval\n".encode(), "rb.md")

    assert str(caught.value).splitlines()[-1] == (
        f"rb.md:{len(LINES) + 3}: error: lists and block quotes are nested so deeply that what stands in them cannot "
        "be read; nest them less"
    )
