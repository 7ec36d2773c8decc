"""The values in an action's command: literals are checked for what they are, placeholders for what they may be."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from runmend.plan.plan import BUILT_IN_PLACEHOLDERS, DERIVED_PLACEHOLDERS, PLACEHOLDER, fill
from runmend.runbook.diagnostics import Report, listed, quoted
from runmend.runbook.placeholders import meant_by

Validator = Callable[[str], object]
"""Raises ValueError, with a message that quotes the value, where it is not what it should be."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named item of an action that gives a placeholder its value."""

    name: str
    value: str
    line: int


_NAMED_MAX = 20
_QUOTED = re.compile(r"\"[^\"]+\"|'[^']+'|--[a-z-]+|\{\w+\}")


@dataclass
class Values:
    """What the values of one command may refer to, and which of the action's parameters they do refer to."""

    report: Report
    line: int
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    calculated: frozenset[str] = frozenset()
    """The names that the action calculates: numbers, known in a run."""
    lines: int = 1
    """How many lines the command has."""
    document: str = ""
    """What stands between `<<EOF` and `EOF` behind the command."""

    @cached_property
    def _of_run(self) -> frozenset[str]:
        """The run's placeholders; an item or a calculation of the action comes before what is derived."""
        return BUILT_IN_PLACEHOLDERS | DERIVED_PLACEHOLDERS - self.parameters.keys() - self.calculated

    def error(self, problem: str, remedy: str, where: str = "") -> None:
        """Say what is wrong with the command; `where` is what it is about, as it stands there, else what is quoted in
        the problem.
        """
        fragments = [where] if where else [found.strip("\"'") for found in _QUOTED.findall(problem)]
        for line in range(self.line, self.line + self.lines):
            for fragment in fragments:
                if column := self.report.column_of(line, fragment):
                    self.report.error(line, problem, remedy, column=column)
                    return
        self.report.error(self.line, problem, remedy)

    def check(self, text: str, what: str, validator: Validator, built_in: tuple[str, ...] = ()) -> bool:
        """Whether `text` may stand where a `what` is expected: as a `built_in` placeholder or as a checked value.

        One of the run's placeholders is a whole value: a name is never put together. The action's own are known now, so
        what they make of the text is checked now.
        """
        names = PLACEHOLDER.findall(text)
        known = self._of_run | self.calculated | self.parameters.keys()
        unknown = [name for name in names if name not in known and name not in built_in]
        self.used.update(name for name in names if name in self.parameters)
        if unknown:
            for name in dict.fromkeys(unknown):
                meant = meant_by(name)
                known_are = f"known are {self._known()}; or add - **{name}**: `value`"
                self.error(
                    f"unknown placeholder {{{name}}}",
                    f"did you mean {{{meant}}}? {known_are}" if meant else known_are,
                    f"{{{name}}}",
                )
            return False
        runs = [name for name in names if name in self._of_run or name in built_in]
        if runs:
            return self._check_built_in(text, what, runs[0], built_in)
        return self._check_value(text, what, validator, names)

    def filled(self, text: str) -> str:
        """A checked text with the action's own parameters filled in, and the run's placeholders as they are."""
        return fill(text, self._known_values)

    @cached_property
    def _known_values(self) -> dict[str, str]:
        values = {name: f"{{{name}}}" for name in self._of_run | self.calculated}
        return values | {name: known.value for name, known in self.parameters.items()}

    def refuse_placeholders(self, text: str, where: str) -> bool:
        """Whether `text` holds no placeholder; `where` says what it is part of."""
        found = PLACEHOLDER.search(text)
        if found:
            self.error(
                f"the placeholder {found[0]} stands in {where}", "write it out; a placeholder fills a value", found[0]
            )
        return found is None

    def _check_built_in(self, text: str, what: str, name: str, built_in: tuple[str, ...]) -> bool:
        if text != f"{{{name}}}":
            remedy = f"write {{{name}}} alone; a name is not put together from parts"
            self.error(f"the placeholder {{{name}}} is only a part of {quoted(text)}", remedy)
        elif name not in built_in:
            may = (
                f"write {listed([f'{{{other}}}' for other in built_in])}, or a literal"
                if built_in
                else "write it out, or name an item"
            )
            self.error(f"{what} cannot be {{{name}}}", may)
        else:
            return True
        return False

    def _check_value(self, text: str, what: str, validator: Validator, names: list[str]) -> bool:
        known = {name: parameter.value for name, parameter in self.parameters.items()}
        try:
            # What is calculated is a number, whichever.
            validator(fill(text, {**dict.fromkeys(self.calculated, "1"), **known}))
        except ValueError as error:
            alone = len(names) == 1 and text == f"{{{names[0]}}}" and names[0] in self.parameters
            line = self.parameters[names[0]].line if alone else self.line
            said = f"{names[0]} is used as {what}: " if alone else f"{what}: "
            remedy = f"write {what} that Kubernetes accepts"
            if line == self.line:
                self.error(f"{said}{error}", remedy, text)
            else:
                self.report.error(line, f"{said}{error}", remedy)
            return False
        return True

    def _known(self) -> str:
        known = [*sorted(BUILT_IN_PLACEHOLDERS), *sorted(self.calculated), *islice(self.parameters, _NAMED_MAX)]
        more = ["others"] if len(self.parameters) > _NAMED_MAX else []
        return listed([*(f"{{{name}}}" for name in known), *more], "and")
