"""The `runmend` command: its process, its exit codes, and how an error reaches its user."""

import codecs
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final, NoReturn

import typer
from typer.exceptions import TyperException

from runmend.cli.commands import COMMANDS
from runmend.cli.output import printable_stream
from runmend.core.errors import RunmendError

USAGE: Final = 2
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
"""As a shell reports a process that SIGPIPE ended."""
_HINTS: Final = {
    "NoTemporal": "start one with `runmend dev`, or set TEMPORAL_ADDRESS",
    "NotConfigured": "set KUBECONFIG, or start an embedded cluster with `runmend sandbox`",
    "Unreachable": "is KUBECONFIG right?",
    "UnreadableDirectory": "name the directory with --runbooks or RUNMEND_RUNBOOKS",
    "Forbidden": "this kubeconfig's user lacks a permission",
}
# What Temporal's client and worker say of a refused connection is a tree of Rust values.
_TONIC: Final = re.compile(r'(?:Failed client connect: |Status \{).*message: "([^"]*)".*', re.DOTALL)

app = typer.Typer(
    name="runmend",
    help="Durable remediation: Markdown runbooks compile into Temporal workflows that fix Kubernetes alerts and "
    "prove that the fix held.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _panel, _commands in COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)


@app.callback(invoke_without_command=True)
def _runmend(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False
) -> None:
    if show_version:
        sys.stdout.write(f"runmend {_version()}\n")
        raise typer.Exit


_PLAIN: Final = "runmend.plain"
_PLAINER: Final = {"✓": "+", "✗": "x", "∅": "-", "…": "...", "→": "->", "■": "#", "│": "|"}


def plainer(error: UnicodeError) -> tuple[str, int]:
    """What a terminal shows that lacks a character: marks must still be told apart."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAINER.get(char, "?") for char in error.object[error.start : error.end]), error.end


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave the process.

    By `os._exit`: a short-lived Temporal client now and then aborts the interpreter on its way out (sdk-python#300),
    after the right answer was printed.
    """
    codecs.register_error(_PLAIN, plainer)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_PLAIN)  # a ✓ must not end a run on a terminal that has none
    sys.stdout, sys.stderr = printable_stream(sys.stdout), printable_stream(sys.stderr)
    code = run(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            code = code or BROKEN_PIPE
    if connection := sys.modules.get("runmend.kube.connection"):  # only where a command has asked a cluster
        connection.forget_files()
    os._exit(code)


def run(argv: Sequence[str]) -> int:
    """Run a command; its exit code. What went wrong is said on stderr in one line."""
    try:
        code = app(list(argv) or ["--help"], prog_name="runmend", standalone_mode=False)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "runmend"
        return _fail(
            f"{error.format_message().replace('Value error, ', '').rstrip('.')}; see `{command} --help`", USAGE
        )
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except RunmendError as error:
        hint = _HINTS.get(type(error).__name__)
        message = _TONIC.sub(r"\1", str(error))
        return _fail(f"{message}; {hint}" if hint else message, 1)
    except OSError as error:
        return _fail(str(error), 1)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"runmend: error: {' '.join(message.split())}\n")
    return code


def _version() -> str:
    try:
        return version("runmend")
    except PackageNotFoundError:
        return "(not installed)"
