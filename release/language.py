"""The tables of docs/language.md: `make language`, after a fact, a sentence, a verb, a state or a key has changed.

Each table stands between two marks and is written from what the compiler itself reads, so that it can say nothing else.
What stands between the tables is written by hand.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from runmend.cli.language import sentence_rows, verb_row
from runmend.facts.examples import example_of
from runmend.facts.groups import FUNCTIONS, GROUPS
from runmend.facts.outside import ASKING
from runmend.facts.schema import MODELS, described
from runmend.facts.states import State
from runmend.language.derived import DERIVED, OF_THE_RUN
from runmend.language.states import STATES
from runmend.language.verbs import VERBS
from runmend.language.verbs.command import Flag
from runmend.language.verbs.refused import REFUSED
from runmend.language.verbs.verb import Verb
from runmend.runbook.diagnostics import Kind, Report
from runmend.runbook.gates import ALIASES
from runmend.runbook.keys import OF_ACTIONS, OF_RUNBOOKS, OF_STEPS, OF_VALUES, Key
from runmend.runbook.kubectl import parse_command
from runmend.runbook.values import Values

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "language.md"
_WIDTH: Final = 140
_TABLE: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def main() -> None:
    """Write the tables anew."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(written(text), encoding="utf-8")


def written(text: str) -> str:
    """The document with its tables as the code has them."""

    def table(found: re.Match[str]) -> str:
        lines = "\n".join(TABLES[found[2]]()).rstrip()
        return f"{found[1]}\n{lines}\n\n{found[3]}"

    return _TABLE.sub(table, text)


def tables_in(text: str) -> tuple[str, ...]:
    """The names of the tables that a document has."""
    return tuple(found[2] for found in _TABLE.finditer(text))


def code(text: str) -> str:
    """A text as code in a cell of a table."""
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def lines_of_code(text: str) -> str:
    """Several lines as code in a cell, indented as they are."""
    return "<br>".join(code(line) for line in text.split("\n"))


def example_of_flag(verb: Verb[Any], flag: Flag) -> str:
    """A command that has a flag of a verb."""
    if not flag.example:
        return verb.example
    if flag.example.startswith("kubectl "):
        return flag.example
    return f"{verb.example} {flag.example if flag.example.startswith('--') else f'{flag.name}={flag.example}'}"


def example_of_state(state: State) -> str:
    """A sentence that speaks of a state."""
    if state.node:
        return f"Node is no longer in {state.name}"
    if state.terminated:
        return f"Container was {state.name}"
    return f"Pod is no longer in {state.name}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    cells = tuple(head)
    yield f"| {' | '.join(cells)} |"
    yield f"|{'---|' * len(cells)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _keys(*tables: tuple[Key, ...]) -> Callable[[], Iterator[str]]:
    keys = [key for table in tables for key in table]
    return lambda: _table(("name", "", "example"), ((code(k.name), k.means, lines_of_code(k.example)) for k in keys))


def _verbs() -> Iterator[str]:
    for verb in VERBS:
        row = verb_row(verb)
        told = f"**`kubectl {verb.words}`**: {verb.summary} Done to {row['kinds']}; {row['undo']}."
        yield from wrap(told, _WIDTH, break_long_words=False, break_on_hyphens=False)
        yield ""
        yield "```sh"
        yield from dict.fromkeys((verb.example, *(example_of_flag(verb, flag) for flag in verb.flags)))
        yield "```"
        yield ""
        for flag in verb.flags:
            names = f"`{flag.name}`" + (f", `-{flag.short}`" if flag.short else "")
            yield f"- {names}: {flag.means}"
        if verb.flags:
            yield ""


def _placeholders() -> Iterator[str]:
    of_run = ((name, means, example) for name, (means, example) in OF_THE_RUN.items())
    derived = ((each.name, each.doc, each.example) for each in DERIVED)
    rows = ((code(f"{{{name}}}"), means, code(example)) for name, means, example in (*of_run, *derived))
    return _table(("placeholder", "", "example"), rows)


def _facts() -> Iterator[str]:
    for kind, model in MODELS.items():
        groups = [f"`{name}`" for name, group in GROUPS.items() if group.of == kind]
        yield f"### {kind}" + (f" ({', '.join(groups)})" if groups else "")
        yield ""
        rows = (
            (code(fact.name), fact.type, _cell(means), code(in_a_gate(example_of(kind, fact, means))))
            for fact, means in described(model)
        )
        yield from _table(("fact", "type", "", "example"), rows)
        yield ""


def in_a_gate(expression: str) -> str:
    """An expression as a gate may write it, where it asks what an earlier step came to."""
    return re.sub(r'steps\["(\w+)"\]', r"\1", expression)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentences() -> Iterator[str]:
    def row(said: Mapping[str, Any]) -> tuple[str, ...]:
        expression = said["expression"]
        shown = expression if expression.startswith("the ") else code(expression)
        must = "" if said["place"] == "condition" else f", {said['must']}s true"
        return _cell(said["sentence"]), f"{said['place']}{must}", shown

    return _table(("sentence", "where", "the expression that it stands for"), map(row, sentence_rows()))


REFUSED_COMMANDS: Final = (
    *(f"kubectl {name} web" for name in REFUSED),
    "kubectl apply -f web.yaml",
    "helm rollback web",
    "kubectl get pods -n {namespace} | grep web",
    "kubectl get pods -n {namespace} > pods.txt",
    "kubectl cordon {node}; kubectl drain {node}",
    "kubectl cordon $(hostname)",
    "kubectl cordon node-*",
    "kubectl cordon node-1",
    "kubectl rollout restart deployment/{deployment} -n shop",
    "kubectl rollout restart deployment/web -n {namespace}",
    "kubectl get pods -A",
    "kubectl get pods -n {namespace} --watch",
    "kubectl cordon {node} --context=other",
    "kubectl cordon {node} --as=admin",
    "kubectl cordon {node} --dry-run=client",
    "kubectl cordon {node} --field-manager=me",
    "kubectl patch deployment {deployment} -n {namespace} --patch-file=web.yaml",
)


def refusal(command: str) -> tuple[str, str]:
    """Why a command is refused, and what to write instead."""
    report = Report("example")
    parse_command(command, Values(report, 1))
    (found,) = report.diagnostics
    return found.problem, found.remedy


def _refusals() -> Iterator[str]:
    rows = ((code(command), *map(_cell, refusal(command))) for command in REFUSED_COMMANDS)
    return _table(("command", "why not", "what to do"), rows)


TABLES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "runbook_keys": _keys(OF_RUNBOOKS),
    "step_keys": _keys(OF_STEPS),
    "items": _keys(OF_ACTIONS, OF_VALUES),
    "warnings": lambda: _table(("kind", ""), ((code(kind), kind.means) for kind in Kind)),
    "verbs": _verbs,
    "placeholders": _placeholders,
    "groups": lambda: _table(
        ("group", "type", ""), ((code(name), group.type, _cell(group.doc)) for name, group in GROUPS.items())
    ),
    "functions": lambda: _table(
        ("function", ""), ((code(each.example), _cell(each.doc)) for each in (*FUNCTIONS, *ASKING))
    ),
    "states": lambda: _table(
        ("state", "what shows it", "example"),
        ((code(each.name), _cell(each.in_words), example_of_state(each)) for each in STATES.values()),
    ),
    "aliases": lambda: _table(
        ("in a gate", "what it asks"), ((code(f"look.{name}"), code(asked)) for name, asked in ALIASES.items())
    ),
    "refusals": _refusals,
    "sentences": _sentences,
    "facts": _facts,
}
"""The tables by the names that the document has for them."""

if __name__ == "__main__":
    main()
