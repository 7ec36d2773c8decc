"""Forms in which commands are written elsewhere: each is read as kubectl reads it, or refused with its place, its
reason and what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.plan.operations import Operation
from runmend.runbook.diagnostics import Report
from runmend.runbook.kubectl import parse_command
from runmend.runbook.placeholders import meant_by
from runmend.runbook.shell_words import ShellSyntax, split_commands, split_words
from runmend.runbook.values import Values

IN = "-n {namespace}"


def parsed(command: str) -> tuple[Operation | None, list[str]]:
    report = Report("rb.md")
    report.lines = [command]
    return parse_command(command, Values(report, 1)), [str(each) for each in report.diagnostics]


@pytest.mark.parametrize(
    "commands",
    [
        (
            f"kubectl get pods {IN}",
            "kubectl -n {namespace} get po",
            "kubectl --namespace={namespace} get pod",
            "kubectl -n{namespace} get Pods",
            "kubectl get -n={namespace} PODS",
            f"kubectl get pods \\ {IN}",
        ),
        (
            f"kubectl rollout restart deployment {{deployment}} {IN}",
            f"kubectl rollout restart deploy/{{deployment}} {IN}",
            "kubectl rollout -n {namespace} restart deployments.v1.apps {deployment}",
            "kubectl -n {namespace} rollout restart deployment.apps/{deployment}",
            f"kubectl rollout restart Deployment/{{deployment}} {IN}",
        ),
        (
            f"kubectl scale --replicas=3 sts {{statefulset}} {IN}",
            f"kubectl scale --replicas 3 {IN} statefulset/{{statefulset}}",
            "kubectl scale statefulsets.apps {statefulset} --replicas '3' --namespace {namespace}",
        ),
        (
            f"""kubectl patch deploy {{deployment}} {IN} --type=merge -p '{{"spec":{{"replicas":2}}}}'""",
            f"""kubectl patch deploy {{deployment}} {IN} --patch='{{"spec":{{"replicas":2}}}}' --type merge""",
            f"""kubectl patch deploy {{deployment}} {IN} --type=merge -p "{{\\"spec\\":{{\\"replicas\\":2}}}}\"""",
            f"""kubectl patch deploy {{deployment}} {IN} --type=merge -p '\n{{"spec":\n  {{"replicas": 2}}}}\n'""",
            f"kubectl patch deploy {{deployment}} {IN} --type=merge -p 'spec: {{replicas: 2}}'",
        ),
    ],
    ids=lambda commands: commands[0],
)
def test_the_spellings_of_a_command_are_one_operation(commands: tuple[str, ...]) -> None:
    first, *others = (parsed(command) for command in commands)

    assert first[0]
    assert others == [(first[0], [])] * len(others)


PIPED = f"kubectl get events {IN}"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            f"sudo kubectl get pods {IN}",
            '1:1: error: the program "sudo" is not kubectl; leave sudo out, and begin with',
        ),
        (f"oc rsh {{pod}} {IN}", "1:4: error: kubectl rsh is refused: it opens a shell inside a container"),
        (
            f"kubectl.exe get pods {IN}",
            '1:1: error: the program "kubectl.exe" is not kubectl; write kubectl in its place',
        ),
        (f"/usr/local/bin/kubectl get pods {IN}", "1:1: error: the program "),
        (
            f"KUBECONFIG=x kubectl get pods {IN}",
            "1:1: error: the command sets the variable KUBECONFIG, and Runmend runs no",
        ),
        (
            f"watch kubectl get pods {IN}",
            '1:1: error: the program "watch" is not kubectl; leave watch out, and begin with',
        ),
        (
            f"helm rollback web {IN}",
            '1:1: error: the program "helm" is not kubectl; write a command that begins with kubectl',
        ),
        (
            f"{PIPED} | tail -20",
            "1:35: error: Runmend runs no shell: | pipes into another command; remove it: a step keeps",
        ),
        (
            f"kubectl wait --for=condition=ready pod/{{pod}} {IN}",
            '1:9: error: the verb "wait" is not supported yet; write k',
        ),
        (
            f"kubectl rollout history deploy/x {IN}",
            '1:17: error: the verb "rollout history" is not supported yet; write ku',
        ),
        (
            "kubectl taint nodes {node} a=b:Never",
            '1:32: error: "Never" is no effect of a taint; write one of NoSchedule, PreferNoSchedule, NoExecute',
        ),
        (
            f"kubectl get pods,svc {IN}",
            '1:13: error: kubectl get is not done to "pods,svc"; write a command for each kind; ',
        ),
        (
            "kubectl drain {node} --delete-local-data",
            '1:22: error: unknown flag "--delete-local-data"; did you mean --delete-',
        ),
        (
            f"kubectl delete pod {{pod}} {IN} --now",
            "1:41: error: the flag --now is refused: it means a second; write --grace",
        ),
        (
            f"kubectl get pods {IN} --request-timeout=5s",
            "1:33: error: the flag --request-timeout is refused: its time is the",
        ),
        (
            f"kubectl logs {{pod}} {IN} --timestamps",
            "1: warning: the flag --timestamps is not read: it only says how kubec",
        ),
    ],
)
def test_what_is_written_otherwise_is_said_with_its_column_and_what_to_write(command: str, said: str) -> None:
    _, messages = parsed(command)

    assert any(message.startswith(f"rb.md:{said}") for message in messages), messages


@pytest.mark.parametrize(
    "written",
    [
        *("<pod>", "<pod-name>", "<your pod>", "$POD", "${POD}", "$POD_NAME", "{{ $labels.pod }}", "{{$labels.pod}}"),
        *("{{ .Labels.pod }}", "{{pod}}", "[POD]", "[POD_NAME]", "{{ $labels.podName }}"),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_placeholder_of_another_form_is_said_with_the_one_to_write(written: str, quote: str) -> None:
    operation, messages = parsed(f"kubectl describe pod {quote}{written}{quote} {IN}")

    if quote and written.startswith(("<", "[")):
        # In double quotes these are letters like any other, and no name.
        assert operation is None
        return
    column = 22 + len(quote)
    assert messages == [
        f"rb.md:1:{column}: error: {written} is no placeholder here, and Runmend runs no shell; write {{pod}}"
    ]


def test_a_placeholder_that_is_called_otherwise_is_said_with_the_one_that_is_meant() -> None:
    _, messages = parsed(f"kubectl describe pod {{POD_NAME}} {IN}")

    assert messages[0].startswith("rb.md:1:22: error: unknown placeholder {POD_NAME}; did you mean {pod}? known are ")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("<namespace>", "namespace"),
        ("$NS", "namespace"),
        ("{{ $labels.deployment }}", "deployment"),
        ("<deployment-name>", "deployment"),
        ("${NODE_NAME}", "node"),
        ("<container>", "container"),
        ("$SERVICE_ACCOUNT", "service_account"),
        ("{{ .Values.image }}", "image"),
        ("<registry>", ""),
        ("$1", ""),
    ],
)
def test_names_of_elsewhere_are_told(written: str, name: str) -> None:
    assert meant_by(written) == name


def test_an_error_in_a_later_line_of_a_command_is_said_there() -> None:
    report = Report("rb.md")
    report.lines = ["kubectl describe pod \\", "  {pod} \\", "  -n other"]

    assert parse_command("\n".join(report.lines), Values(report, 1, lines=3)) is None
    assert [(each.line, each.column) for each in report.diagnostics] == [(3, 6)]


TEXT = st.text(alphabet="kubectl get -n'\"\\\n&#$ {}|<>;x", max_size=60)


@given(TEXT)
def test_whatever_a_block_holds_its_commands_are_parts_of_it_in_their_order(text: str) -> None:
    try:
        script = split_commands(text)
    except ShellSyntax:
        return
    at = 0
    for command, below in script.commands:
        at = text.index(command, at)
        assert command.strip()
        assert text.count("\n", 0, at) == below
        at += len(command)


@given(TEXT)
def test_no_command_of_a_block_needs_a_shell_for_what_splits_it(text: str) -> None:
    problems = []
    try:
        for command, _ in split_commands(text).commands:
            split_words(command)
    except ShellSyntax as error:
        problems.append(error.problem)

    assert not [problem for problem in problems if problem.endswith(("&& runs several commands", "starts a comment"))]
    assert not [problem for problem in problems if "a line break" in problem]


@pytest.mark.parametrize(
    ("written", "alike"),
    [
        (f"oc rollout undo deployment/{{deployment}} {IN}", f"kubectl rollout undo deployment/{{deployment}} {IN}"),
        ("oc adm cordon {node}", "kubectl cordon {node}"),
        ("oc adm drain {node} --ignore-daemonsets", "kubectl drain {node} --ignore-daemonsets"),
        ("oc adm taint nodes {node} a:NoSchedule-", "kubectl taint nodes {node} a:NoSchedule-"),
        (f"kubectl events {IN}", f"kubectl get events {IN}"),
        (
            f"kubectl set sa deploy/{{deployment}} web {IN}",
            f"kubectl set serviceaccount deploy/{{deployment}} web {IN}",
        ),
    ],
)
def test_a_command_under_another_name_is_the_same(written: str, alike: str) -> None:
    operations = []
    for text in (written, alike):
        report = Report("rb.md")
        operations.append(parse_command(text, Values(report, 1, {})))
        assert report.diagnostics == ()

    assert operations[0] == operations[1] is not None
