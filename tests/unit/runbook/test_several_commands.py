"""Several commands in one action, as they are written, and what is no such thing."""

import pytest

from runmend.plan.plan import Plan
from runmend.runbook import RunbookError, compile_runbook

RESOURCES = "kubectl set resources deployment {deployment} -n {namespace} -c {container} --limits=memory={new_limit}"
RESTART = "kubectl rollout restart deployment {deployment} -n {namespace}"
FOLDED = RESOURCES.replace(" -n", " \\\n    -n")
JOINED = f"{RESOURCES} && \\"
LOOK = "kubectl get events -n {namespace}"
RUNBOOK = """---
runbook_id: RB_X
alertname: X
title: X
description: X
problem: Pod is in OOMKilled
workflow:
  - action_id: fix
    when: workload.replicas > 1
    output: fixed
  - action_id: look
    when: fixed.done
---
## Remediation Actions

### Action 1: Fix
- **action_id**: `fix`
- **description**: Two of them.
- **calculation**: `new_limit = max(256Mi, current_limit * 2)` (max 4Gi)
- **conditions**:
  - Pod must be owned by a Deployment
COMMANDS

### Action 2: Look
- **action_id**: `look`
- **command**: `kubectl get events -n {namespace}`

## Success Criteria
- Pods are Ready
"""


def plan_of(commands: str) -> Plan:
    return compile_runbook(RUNBOOK.replace("COMMANDS", commands).encode(), "rb.md").plan


def commands_of(commands: str) -> list[str]:
    return [step.operation.verb for step in plan_of(commands).steps[:-1]]


def errors(commands: str) -> list[str]:
    with pytest.raises(RunbookError) as raised:
        plan_of(commands)
    return [str(error) for error in raised.value.errors]


def fence(*lines: str, language: str = "bash", indent: str = "  ") -> str:
    return "\n".join(indent + line if line else "" for line in (f"```{language}", *lines, "```"))


@pytest.mark.parametrize(
    "commands",
    [
        f"- **command**:\n{fence(RESOURCES, RESTART)}",
        f"- **commands**:\n{fence(RESOURCES, '', RESTART, language='')}",
        f"- **Command**:\n\n{fence(f'$ {RESOURCES}', f'$ {RESTART}', language='console')}",
        f"- **command**:\n{fence('# the limit first', RESOURCES, '# and then', RESTART + '  # anew')}",
        f"- **command**:\n{fence(FOLDED, RESTART)}",
        f"- **command**:\n{fence(JOINED, '  ' + RESTART)}",
        f"- **command**:\n{fence(RESOURCES + ' &&', RESTART)}",
        f"- **command**:\n{fence(RESOURCES)}\n{fence(RESTART)}",
        f"- **command**:\n\n      {RESOURCES}\n      {RESTART}",
        f"- **command**: `{RESOURCES} && {RESTART}`",
        f"- **command**: `{RESOURCES}`, then `{RESTART}`.",
        f"- **command**: `{RESOURCES}` and\n  `{RESTART}`",
        f"- **commands**:\n  - `{RESOURCES}`\n  - `{RESTART}`",
        f"- **commands**:\n  1. `{RESOURCES}`\n  2. `{RESTART}`.",
        f"- **commands**:\n  1. {RESOURCES}\n  2. {RESTART}",
        f"- **commands**:\n  - {fence(RESOURCES, indent='    ').strip()}\n  - {fence(RESTART, indent='    ').strip()}",
    ],
)
def test_the_spellings_of_two_commands_are_two_commands_in_their_order(commands: str) -> None:
    assert commands_of(commands) == ["set resources", "rollout restart"]


def test_each_command_is_a_step_of_its_own_under_the_actions_id() -> None:
    first, second, third, look = plan_of(f"- **command**:\n{fence(LOOK, RESOURCES, RESTART)}").steps

    assert [step.named for step in (first, second, third, look)] == [
        "fix, command 1",
        "fix, command 2",
        "fix, command 3",
        "look",
    ]
    assert [step.changes for step in (first, second, third)] == [False, True, True]
    assert {step.owner for step in (first, second, third)} == {"Deployment"}
    assert {step.output for step in (first, second, third)} == {"fixed"}


def test_what_an_action_asks_is_asked_up_to_its_first_change() -> None:
    first, second, third, _ = plan_of(f"- **command**:\n{fence(LOOK, RESOURCES, RESTART)}").steps

    assert [step.gate for step in (first, second, third)] == ["(workload.replicas > 1)"] * 2 + [""]
    assert [step.begun for step in (first, second, third)] == [False, False, True]


def test_a_calculation_is_had_by_the_commands_that_ask_for_it() -> None:
    first, second, _ = plan_of(f"- **command**:\n{fence(RESOURCES, RESTART)}").steps

    assert [[each.name for each in step.calculations] for step in (first, second)] == [["new_limit"], []]


def test_an_action_with_one_command_is_called_by_its_id() -> None:
    assert [step.named for step in plan_of(f"- **command**:\n{fence(RESOURCES)}").steps] == ["fix", "look"]


def test_json_over_several_lines_is_one_command() -> None:
    patch = [
        "kubectl patch deployment {deployment} -n {namespace} --type=merge -p '",
        '{"spec": {',
        '  "replicas": 3',
        "}}'",
        RESTART,
    ]
    first, second, _ = plan_of(f"- **command**:\n{fence(*patch)}").steps

    assert (first.operation.verb, second.operation.verb) == ("patch", "rollout restart")


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (
            f"- **command**:\n{fence(RESOURCES, 'kubectl rollout undoo deployment {deployment} -n {namespace}')}",
            'rb.md:25: error: the verb "rollout undoo" is not supported yet; ',
        ),
        (
            f"- **command**: `{RESOURCES}; {RESTART}`",
            "rb.md:22: error: Runmend runs no shell: ; runs several commands; write each on a line of its own in a ",
        ),
        (
            f"- **command**: `{RESOURCES} || {RESTART}`",
            "rb.md:22: error: Runmend runs no shell: || runs a command only where another fails; ",
        ),
        (
            f"- **command**: `{RESOURCES} &&`",
            "rb.md:22: error: Runmend runs no shell: && stands there without a command on each side; ",
        ),
        (
            f"- **command**:\n{fence(RESOURCES, '&& ' + RESTART)}",
            "rb.md:24: error: Runmend runs no shell: && stands there without a command on each side; ",
        ),
        (f"- **command**: `{RESOURCES}`, by day: `{RESTART}`", "rb.md:22: error: the command is mixed with"),
        (f"- **commands**:\n  - `{RESOURCES}`\n  - at night `{RESTART}`", "rb.md:22: error: the command is mixed with"),
        (f"- **command**:\n{fence('# nothing')}", "rb.md:24: error: the action fix has no command; "),
        (f"- **command**:\n{fence(*[RESTART] * 21)}", "rb.md:24: error: the action has more than 20 commands; "),
        (
            f"- **command**: |\n    {RESTART}",
            "rb.md:22: error: the command begins with | or >, which begins a block in YAML, and none in Markdown; ",
        ),
    ],
)
def test_what_is_no_list_of_commands_is_said_with_its_line(commands: str, said: str) -> None:
    assert any(error.startswith(said) for error in errors(commands)), errors(commands)


def test_a_comment_that_restricts_what_is_changed_makes_it_wait_for_a_person() -> None:
    commands = f"- **command**:\n{fence(RESOURCES, RESTART + ' # only in staging')}"
    compiled = compile_runbook(RUNBOOK.replace("COMMANDS", commands).encode(), "rb.md")

    assert {step.restrictions for step in compiled.plan.steps[:2]} == {("line 25: only in staging",)}
    assert any("the comment says" in str(warning) for warning in compiled.warnings)
