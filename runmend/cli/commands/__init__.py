"""The commands by the panel of `--help` that shows them: one module a panel, what a command does is imported when it
is called, so that --help is quick.
"""

from collections.abc import Callable, Mapping
from typing import Final

from runmend.cli.commands import embedded, processes, runbooks, runs, simulating

COMMANDS: Final[Mapping[str, Mapping[str, Callable[..., int]]]] = {
    "Runbooks": {
        "lint": runbooks.lint,
        "compile": runbooks.compile_file,
        "explain": runbooks.explain,
        "new": runbooks.new,
        "schema": runbooks.schema,
        "simulate": simulating.simulate,
        "test": simulating.run_tests,
        "facts": runbooks.facts,
        "verbs": runbooks.verbs,
        "sentences": runbooks.sentences,
        "backtest": runbooks.backtest,
    },
    "Runs": {
        "run": runs.start,
        "list": runs.list_runs,
        "show": runs.show,
        "cancel": runs.cancel,
        "stats": runs.stats,
        "replay": runs.replay,
    },
    "Processes": {
        "rbac": processes.rbac,
        "policy": processes.policy,
        "worker": processes.worker,
        "bridge": processes.bridge,
    },
    "Without a cluster": {
        "sandbox": embedded.sandbox,
        "dev": embedded.dev,
        "break": embedded.break_something,
        "demo": embedded.demo,
    },
}
