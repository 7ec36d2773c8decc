"""`runmend rbac` and `runmend policy` for the runbooks of a directory."""

from pathlib import Path

import pytest

from runmend.cli.main import run
from tests.builders import SEED, a_runbook

READS = a_runbook().partition("### Action 2")[0].replace("  - action_id: patch_image\n", "")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("command", ["rbac", "policy"])
def test_the_runbooks_that_ship_need_what_is_shipped_wherever_they_are(
    command: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in SEED.parent.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())

    assert run([command]) == run([command, "--runbooks", str(directory)]) == 0

    said = capsys.readouterr().out
    assert said[: len(said) // 2] == said[len(said) // 2 :]


def test_runbooks_that_only_read_need_no_right_to_write(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "RB.md").write_text(READS)

    assert run(["rbac", "--runbooks", str(directory)]) == 0

    said = capsys.readouterr()
    assert "verbs: [get, list]" in said.out
    assert "patch" not in said.out
    assert "create" not in said.out


def test_a_runbook_whose_gate_names_a_node_needs_to_read_it(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "  - action_id: get_pod_events\n"
    (directory / "RB.md").write_text(READS.replace(entry, f"{entry}    when: node.ready\n", 1))

    assert run(["rbac", "--runbooks", str(directory)]) == 0

    assert "resources: [nodes]\n    verbs: [get]" in capsys.readouterr().out


def test_a_runbook_that_asks_what_is_used_needs_the_metrics_api(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asks = "Memory usage stays below 80% of its limit for 10 minutes"
    (directory / "RB.md").write_text(a_runbook().replace("Container starts successfully", asks))

    assert run(["rbac", "--runbooks", str(directory)]) == 0
    assert "apiGroups: [metrics.k8s.io]\n    resources: [pods]\n    verbs: [get, list]" in capsys.readouterr().out
    assert run(["rbac"]) == 0
    assert "metrics.k8s.io" not in capsys.readouterr().out


def test_a_runbook_for_nodes_whose_gate_names_events_needs_to_list_them(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (SEED.parent / "RB_NODE_UNSCHEDULABLE.md").read_text()
    gate = "      - node.ready\n"
    assert gate in text
    for more, expected in (("", False), (f"{gate}      - events.size() < 9\n", True)):
        (directory / "RB.md").write_text(text.replace(gate, more or gate, 1))
        assert run(["rbac", "--runbooks", str(directory)]) == 0
        _, _, of_nodes = capsys.readouterr().out.partition("name: runmend-worker-nodes")
        assert ("resources: [events]\n    verbs: [list]" in of_nodes) is expected


def test_what_a_broken_runbook_needs_is_not_known(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "RB.md").write_text("no front matter\n")

    assert run(["policy", "--runbooks", str(directory)]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("runmend: error: RB.md does not compile (`runmend lint ")
