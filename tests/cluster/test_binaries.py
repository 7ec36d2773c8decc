"""Programs are kept by what they are made of, and what is missing is told in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.binaries import GoProgram, find
from tests.cluster.processes import NotReady

MAIN = 'package main\n\nfunc main() { println("one") }\n'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module with the program `hello`, a cache of its own, and a `go` that counts what it builds."""
    module, tools = tmp_path / "module", tmp_path / "tools"
    (module / "hello").mkdir(parents=True)
    tools.mkdir()
    (module / "go.mod").write_text("module hello\n")
    (module / "go.sum").write_text("")
    (module / "hello" / "main.go").write_text(MAIN)
    go = tools / "go"
    go.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && echo go version go1.26.0 && exit\necho built >> {tmp_path}/builds\n'
        'while [ "$1" != -o ]; do shift; done; cat hello/main.go > "$2"\n'
    )
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("RUNMEND_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(binaries.PROGRAMS, "hello", GoProgram("./hello", module))
    binaries._go_version.cache_clear()
    yield tmp_path
    binaries._go_version.cache_clear()


def builds(programs: Path) -> int:
    return (programs / "builds").read_text().count("built")


def test_a_second_run_builds_nothing(programs: Path) -> None:
    assert find("hello") == find("hello")
    assert builds(programs) == 1


@pytest.mark.parametrize("changed", ["hello/main.go", "go.mod", "go.sum"])
def test_a_change_of_what_it_is_made_of_builds_it_anew(programs: Path, changed: str) -> None:
    first = find("hello")
    (programs / "module" / changed).write_text(MAIN.replace("one", "two"))
    assert find("hello") != first
    assert builds(programs) == 2


def test_what_takes_a_while_is_told(programs: Path) -> None:
    told: list[str] = []
    find("hello", told.append)
    find("hello", told.append)
    assert [line.split()[:2] for line in told] == [["building", "hello"], ["built", "hello"]]
    assert (programs / "cache").is_dir()


def test_without_go_it_says_what_to_install(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(NotReady, match=r"there is no `go` command; .* Go 1\.26 or newer"):
        find("hello")


def test_with_an_older_go_it_says_what_to_install(programs: Path) -> None:
    (programs / "tools" / "go").write_text(
        "#!/bin/sh\necho 'go: go.mod requires go >= 1.26.0 (running go 1.19)' >&2; exit 1\n"
    )
    with pytest.raises(NotReady, match=r"requires go >= 1\.26\.0 .* Go 1\.26 or newer"):
        find("hello")


def test_what_the_compiler_says_is_told(programs: Path) -> None:
    (programs / "tools" / "go").write_text(
        "#!/bin/sh\n[ $1 = version ] && exit\necho 'main.go:3: undefined: x' >&2; exit 1\n"
    )
    with pytest.raises(NotReady, match=r"hello could not be built: main\.go:3: undefined: x"):
        find("hello")


def test_without_apt_it_says_what_to_install(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(NotReady, match="no apt-get to get prometheus with; install prometheus by other means"):
        find("promtool")


def test_a_program_on_the_path_is_taken_as_it_is(programs: Path) -> None:
    promtool = programs / "tools" / "promtool"
    promtool.touch(0o755)
    assert find("promtool") == promtool


def test_another_version_on_the_path_is_no_older_one(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "tools" / "kubectl").touch(0o755)

    def unpack(package: str, target: Path) -> None:
        assert package == "kubernetes-client"
        (target / "usr/bin").mkdir(parents=True)
        (target / "usr/bin/kubectl").touch()

    monkeypatch.setattr(binaries, "_unpack", unpack)

    assert find("older-kubectl") == programs / "cache" / "debian-kubernetes-client" / "usr/bin/kubectl"


def test_they_are_built_as_the_kubernetes_that_the_module_requires() -> None:
    assert binaries._kubernetes_version() in (binaries.HERE / "go.mod").read_text()
