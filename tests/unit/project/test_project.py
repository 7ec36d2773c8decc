"""Facts of the project's own files that no other check reads."""

import ast
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bench.stub import lacking

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CODE = ("runmend", "workflows", "activities", "bench", "release")
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def canonical(requirement: str) -> str:
    """The name in `requirement`, written as package indexes compare names."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Every file that is or would be committed, by its path from the root; without asking git, which a tarball has
    not."""
    for folder, folders, names in os.walk(ROOT):
        made = {".git", ".venv", ".runmend", "__pycache__", "build", "dist", "secrets", ".hypothesis"}
        folders[:] = [name for name in folders if name not in made and not name.endswith(("_cache", ".egg-info"))]
        for name in names:
            path = Path(folder, name)
            if name != ".env" and path.suffix not in {".db", ".db-shm", ".db-wal"}:
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="ignore")


def test_constraints_are_exact_versions_and_nothing_else() -> None:
    assert [line for line in CONSTRAINTS if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    assert sorted(CONSTRAINTS, key=str.lower) == CONSTRAINTS
    assert len({canonical(line) for line in CONSTRAINTS}) == len(CONSTRAINTS)


def test_constraints_cover_all_that_the_project_asks_for() -> None:
    asked = [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *(name for extra in PROJECT["project"]["optional-dependencies"].values() for name in extra),
        *(name for group in PROJECT["dependency-groups"].values() for name in group),
        # An editable build with hatchling asks for editables, and the Makefile for a pip that knows groups.
        "editables",
        "pip",
    ]

    assert {canonical(name) for name in asked} - {canonical(line) for line in CONSTRAINTS} == set()


def test_worker_py_imports_only_the_commands_and_holds_no_logic() -> None:
    # import-linter watches the packages; worker.py is none.
    tree = ast.parse((ROOT / "worker.py").read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "worker.py is in no package"
            imported.add(node.module or "")

    assert {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names} == {"runmend.cli"}
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]


def modules_that_import(package: str) -> set[str]:
    """The modules besides tests that import a package or a part of it, anywhere in them."""
    return {module for module, packages in imported_packages().items() if package in packages}


@cache
def imported_packages() -> dict[str, frozenset[str]]:
    """Of every module besides tests, the packages that it imports, anywhere in it."""
    found = {}
    for path in [ROOT / "worker.py", *(file for folder in CODE for file in (ROOT / folder).rglob("*.py"))]:
        named: list[str] = []
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named += [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                named.append(node.module or "")
        found[str(path.relative_to(ROOT))] = frozenset(name.partition(".")[0] for name in named)
    return found


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("kubernetes", "runmend/kube/connection.py"),
        ("frontmatter", "runmend/runbook/document.py"),
        ("ijson", "runmend/bridge/webhook.py"),
    ],
)
def test_a_library_without_types_is_spoken_to_in_one_module(package: str, module: str) -> None:
    assert modules_that_import(package) == {module}


def test_all_code_is_looked_at() -> None:
    made = {".venv", ".git", "build", "dist"}
    folders = {
        path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in made and any(path.rglob("*.py"))
    }

    assert folders == {*CODE, "tests"}


def test_the_demos_webhook_is_the_captured_one() -> None:
    assert (ROOT / "runmend/local/demo/payload.json").read_bytes() == (ROOT / "tests/payloads/firing.json").read_bytes()


def test_the_pictures_of_the_readme_are_there_small_and_ask_for_nothing_from_elsewhere() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert pictures == ["docs/images/demo.svg", "docs/images/run-web-ui.png"]
    for picture in pictures:
        drawn = (ROOT / picture).read_bytes()
        assert len(drawn) <= 300_000, picture
        assert set(re.findall(rb"https?://[\w./]+", drawn)) <= {b"http://www.w3.org/2000/svg"}, picture


def test_the_project_stands_alone() -> None:
    # The brackets keep this line from finding itself.
    elsewhere = re.compile(r"(?<![\w.])/wor[k]/|\.\./share[d]\b|/User[s]/\w|/hom[e]/(?!runmend)\w")
    found = [f"{path}: {match.group()}" for path, text in tracked_texts() if (match := elsewhere.search(text))]

    assert found == []


@pytest.mark.parametrize("script", [".ci/run", "deploy/temporal/schema.sh", "deploy/temporal/namespace.sh"])
def test_a_script_can_be_run_and_stops_at_the_first_error(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert re.search(r"^set -eu", (ROOT / script).read_text(encoding="utf-8"), re.MULTILINE)


def test_make_test_runs_every_folder_of_tests_but_those_of_make_e2e() -> None:
    configured = PROJECT["tool"]["pytest"]["testpaths"]
    folders = {f"tests/{path.relative_to(ROOT / 'tests').parts[0]}" for path in (ROOT / "tests").rglob("test_*.py")}

    assert folders - set(configured) == {"tests/e2e", "tests/crash"}
    assert set(configured) <= folders


def test_the_benchs_cluster_has_all_that_the_product_asks_of_one() -> None:
    assert lacking() == []
