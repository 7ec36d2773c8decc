"""Commands that change a workload: the spellings that are one, and mistakes, each with what to do."""

import pytest

from tests.unit.runbook.test_commands import parsed

RESOURCES = {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}, "container": "{container}"}
ENVIRONMENT = {"variables": [["A", "1"], ["B", "x=y"]], "removed": ["C"], "container": "*"}
SCALE = {"replicas": "3", "current_replicas": "2"}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (
            "set resources deploy {deployment} -c {container} --limits memory=1Gi --requests=cpu=100m -n {namespace}",
            RESOURCES,
        ),
        (
            "set resources -n={namespace} deploy/{deployment} -c={container} --requests cpu=100m --limits=memory=1Gi",
            RESOURCES,
        ),
        ("set env deployment/{deployment} A=1 B=x=y C- -n {namespace}", ENVIRONMENT),
        ("set env deployments.apps {deployment} -e A=1 --env=B=x=y C- -c '*' -n {namespace}", ENVIRONMENT),
        ("set env deploy {deployment} A=1 A=2 B=x=y C- C- -n {namespace}", ENVIRONMENT),
        ("scale deployment/{deployment} --replicas=3 --current-replicas=2 -n {namespace}", SCALE),
        ("-n {namespace} scale --replicas 3 deploy {deployment} --current-replicas 2", SCALE),
        (
            "scale deployment {deployment} --replicas=3 --current-replicas=-1 -n {namespace}",
            {"replicas": "3", "current_replicas": ""},
        ),
        ("rollout restart deploy/{deployment} -n {namespace}", {}),
        (
            "rollout undo deploy/{deployment} --to-revision={previous_revision} -n {namespace}",
            {"to_revision": "{previous_revision}"},
        ),
    ],
)
def test_the_spellings_of_one_command_are_one_operation(command: str, arguments: dict[str, object]) -> None:
    operation, said = parsed(f"kubectl {command}")

    assert not said
    assert operation
    assert (operation.kind, operation.name, operation.arguments) == ("Deployment", "{deployment}", arguments)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("scale daemonset/{daemonset} --replicas=3 -n {namespace}", "kubectl scale is not done to"),
        ("scale deployment/{deployment} -n {namespace}", "does not say to how many pods"),
        ("scale deployment/{deployment} --replicas=many -n {namespace}", "a number of pods"),
        ("scale deployment/{deployment} --replicas=-1 -n {namespace}", "a number of pods"),
        ("scale deployment/{deployment} --replicas=9999999999 -n {namespace}", "a number of pods"),
        (
            "scale deployment/{deployment} --replicas=3 --timeout=1m -n {namespace}",
            "--timeout is not a flag of kubectl scale",
        ),
        ("scale deployment/{deployment} web --replicas=3 -n {namespace}", "one word too many"),
        ("rollout restart deployment/{deployment}", "the command says no namespace"),
        ("rollout restart deployment -n {namespace}", "the command names no Deployment"),
        ("rollout restart pod/{pod} -n {namespace}", "kubectl rollout restart is not done to"),
        ("rollout undo deployment/{deployment} --to-revision=last -n {namespace}", "the number of a revision"),
        ("set env deployment/{deployment} -n {namespace}", "the command sets no variable"),
        ("set env deployment/{deployment} A -n {namespace}", "is no variable with its value"),
        ("set env deployment/{deployment} 1A=1 -n {namespace}", "is no name of a variable"),
        ("set env deployment/{deployment} {container}=1 -n {namespace}", "the placeholder {container} stands in"),
        ("set env deployment/{deployment} A=1 A- -n {namespace}", "the command sets and takes away"),
        ("set env deployment/{deployment} --from=secret/a -n {namespace}", "--from is not a flag of"),
        ("set env deployment/{deployment} A=1 -c 'a*' -n {namespace}", "is a pattern"),
        ("set env deployment/{deployment} A=1 -c App -n {namespace}", "a container's name"),
        ("set resources deployment/{deployment} -n {namespace}", "sets neither limits nor requests"),
        ("set resources deployment/{deployment} --limits=1Gi -n {namespace}", "is no resource with its quantity"),
        ("set resources deployment/{deployment} --limits=memory=much -n {namespace}", "is no quantity"),
        ("set resources deployment/{deployment} --limits=memory=-1Gi -n {namespace}", "is below 0"),
        ("set resources deployment/{deployment} --limits=ram=1Gi -n {namespace}", "is no resource with its quantity"),
        ("set resources deployment/{deployment} --limits=memory={image} -n {namespace}", "cannot be {image}"),
    ],
)
def test_a_mistake_is_said_with_what_to_do(command: str, message: str) -> None:
    operation, said = parsed(f"kubectl {command}")

    assert operation is None
    assert any(message in each for each in said), said
