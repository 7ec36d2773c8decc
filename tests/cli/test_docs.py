"""Every command, option and setting is documented; what is not is named here."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from runmend.cli.main import app, run
from runmend.core.settings import Settings
from tests.builders import a_runbook

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def options() -> Iterator[tuple[str, str]]:
    for name, command in COMMANDS.items():
        for parameter in command.params:
            yield from ((name, option) for option in parameter.opts if option.startswith("--") and option != "--help")


def section(command: str) -> str:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    found = re.search(rf"^## `runmend {command}.*?(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found[0] if found else ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])

    assert shown.exit_code == 0
    assert COMMANDS[command].help
    assert all(parameter.help for parameter in COMMANDS[command].params)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert section(command)


def test_every_option_is_documented_with_its_command() -> None:
    assert [(command, option) for command, option in options() if f"`{option}" not in section(command)] == []


def test_what_lint_is_said_to_print_is_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = re.search(r"^\$ runmend lint\n(.*?)^```", section("lint"), re.DOTALL | re.MULTILINE)
    (tmp_path / "runbooks").mkdir()
    text = a_runbook().replace("kubectl patch deployment", "kubectl exec deployment")
    (tmp_path / "runbooks" / "RB_EXAMPLE.md").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert run(["lint"]) == 1

    said = capsys.readouterr()
    assert example
    assert said.out + said.err == example[1]


def test_every_setting_is_documented_with_its_default() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    missing = []
    for name, field in Settings.model_fields.items():
        default = field.default
        default = (
            "unset" if default in (None, "") else str(default).lower() if isinstance(default, bool) else str(default)
        )
        row = next((line for line in text.splitlines() if line.startswith(f"| `RUNMEND_{name.upper()}` ")), "")
        if f"| `{default}` |" not in row and f"| {default} |" not in row:
            missing.append((name, default, row))
    assert missing == []


def test_no_setting_is_documented_that_does_not_exist() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `RUNMEND_([A-Z_]+)` ", text, re.MULTILINE))

    assert documented == {name.upper() for name in Settings.model_fields}
