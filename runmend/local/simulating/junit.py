"""Results of cases as JUnit XML, which CI systems show. Pure."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from xml.etree import ElementTree as ET

from runmend.core.printable import printable
from runmend.local.simulating.testing import Result
from runmend.runbook import Diagnostic


def as_junit(results: Sequence[Result], problems: Sequence[Diagnostic]) -> str:
    """One suite for each file; a file that cannot be used is a case of its own, in error."""
    root = ET.Element("testsuites", name="runmend test")
    for file, cases in groupby(sorted(results, key=attrgetter("file")), key=attrgetter("file")):
        _suite(root, file, list(cases))
    for problem in problems:
        suite = ET.SubElement(root, "testsuite", name=printable(problem.file), tests="1", failures="0", errors="1")
        case = ET.SubElement(suite, "testcase", name="the file", classname=printable(problem.file), time="0")
        _because(case, "error", str(problem))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(root: ET.Element, file: str, cases: Sequence[Result]) -> None:
    suite = ET.SubElement(
        root,
        "testsuite",
        name=printable(file),
        tests=str(len(cases)),
        failures=str(sum(bool(case.failures) for case in cases)),
        errors=str(sum(bool(case.error) for case in cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        made = ET.SubElement(
            suite, "testcase", name=printable(case.name), classname=case.runbook, time=f"{case.seconds:.3f}"
        )
        if case.failures:
            _because(made, "failure", "\n".join(case.failures))
        if case.error:
            _because(made, "error", case.error)


def _because(case: ET.Element, kind: str, text: str) -> None:
    shown = printable(text)
    ET.SubElement(case, kind, message=shown.partition("\n")[0]).text = shown
