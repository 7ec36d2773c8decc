"""Directories of runbooks: loading, reloading, routing, and what lint says of them."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runmend.runbook import Catalog, RunbookError, Severity, UnreadableDirectory, lint, load_directory
from tests.builders import a_runbook


def files(path: Path, **contents: str) -> Path:
    for name, text in contents.items():
        (path / f"{name}.md").write_text(text)
    return path


def test_every_markdown_file_is_loaded_and_other_files_are_not(tmp_path: Path) -> None:
    files(
        tmp_path,
        a=a_runbook("RB_A", "A"),
        b=a_runbook("RB_B", "B"),
        README="# Our runbooks\n",
        broken="# no front matter\n",
    )
    (tmp_path / ".hidden.md").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "more.md").mkdir()

    loaded = load_directory(tmp_path)

    assert list(loaded.plans) == ["RB_A", "RB_B"]
    assert list(loaded.problems) == ["broken.md"]
    assert loaded.warnings == ()


def test_a_readme_with_front_matter_is_a_runbook(tmp_path: Path) -> None:
    files(tmp_path, README=a_runbook("RB_A", "A"))

    assert list(load_directory(tmp_path).plans) == ["RB_A"]


def test_the_later_of_two_files_with_one_id_or_one_alert_is_a_problem(tmp_path: Path) -> None:
    files(
        tmp_path, a=a_runbook("RB_A", "A"), b=a_runbook("RB_A", "B"), c=a_runbook("RB_C", "A"), d=a_runbook("RB_D", "B")
    )

    loaded = load_directory(tmp_path)

    assert list(loaded.plans) == ["RB_A", "RB_D"]
    assert [str(error) for error in loaded.problems.values()] == [
        f"{tmp_path}/b.md:2: error: a.md has the runbook_id RB_A already; change or remove one of the two",
        (
            f"{tmp_path}/c.md:3: error: a.md has the alertname A already; change or remove one of the two, or say with "
            "match: which labels its alerts have; the one with more matchers wins"
        ),
    ]


def matching(runbook_id: str, *matchers: str, alertname: str = "A") -> str:
    text = a_runbook(runbook_id, alertname)
    written = "".join(f"\n  - '{matcher}'" for matcher in matchers)
    return text.replace("alertname:", f"match:{written}\nalertname:") if matchers else text


def test_the_runbook_with_the_most_matchers_that_match_wins(tmp_path: Path) -> None:
    catalog = Catalog(
        files(
            tmp_path,
            any=matching("RB_ANY"),
            shop=matching("RB_SHOP", 'namespace="shop"', alertname="[A, B]"),
            pay=matching("RB_PAY", "namespace=pay"),
            kube=matching("RB_KUBE", "namespace=~kube-.*", "severity!=critical"),
            both=matching("RB_BOTH", "namespace=shop", "team=web"),
        )
    )
    assert catalog.problems == {}

    def answers(**labels: str) -> str:
        plan = catalog.for_alert({"alertname": "A", **labels}, {})
        return plan.runbook_id if plan else ""

    assert answers() == answers(namespace="other") == "RB_ANY"
    assert answers(namespace="shop") == "RB_SHOP"
    assert answers(namespace="shop", team="web") == "RB_BOTH"
    assert answers(namespace="pay", team="web") == "RB_PAY"
    assert answers(namespace="kube-system") == "RB_KUBE"
    assert answers(namespace="kube-system", severity="critical") == "RB_ANY"
    assert answers(alertname="B", namespace="shop") == "RB_SHOP"
    assert answers(alertname="B", namespace="pay") == ""


def test_an_alert_that_no_runbook_takes_is_told_which_labels_they_want(tmp_path: Path) -> None:
    catalog = Catalog(files(tmp_path, shop=matching("RB_SHOP", "namespace=shop", "team!=web")))

    def why(labels: dict[str, str], annotations: dict[str, str] | None = None) -> str:
        assert catalog.for_alert(labels, annotations or {}) is None
        return catalog.why_none(labels, annotations or {})

    assert why({"alertname": "B"}) == "no runbook is loaded for alertname 'B'"
    assert why({"alertname": "A"}, {"runbook_id": "RB_B"}) == "no runbook is loaded for runbook_id 'RB_B'"
    assert why({"alertname": "A", "namespace": "pay"}) == (
        'no runbook for alertname \'A\' takes its labels; they are to match: RB_SHOP namespace="shop", team!="web"'
    )


def test_a_tie_is_a_problem_of_the_later_file(tmp_path: Path) -> None:
    files(tmp_path, a=matching("RB_A", "team=web"), b=matching("RB_B", "namespace=~shop|pay"))

    assert [str(each) for each in lint([tmp_path]).diagnostics] == [
        (
            f"{tmp_path}/b.md:3: error: a.md has the alertname A already, and as many matchers (1); change or remove "
            "one of the two, or say with match: which labels its alerts have; the one with more matchers wins"
        )
    ]


def test_subdirectories_are_loaded_too_and_what_is_hidden_is_not(tmp_path: Path) -> None:
    for place, text in {
        "z.md": a_runbook("RB_Z", "Z"),
        "pods/a.md": a_runbook("RB_A", "A"),
        "pods/README.md": "# Of pods\n",
        "pods/deep/b.md": a_runbook("RB_B", "B"),
        "pods/deep/c.md": "broken",
        ".git/d.md": a_runbook("RB_D", "D"),
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)

    loaded = load_directory(tmp_path)

    assert list(loaded.places.items()) == [("RB_Z", "z.md"), ("RB_A", "pods/a.md"), ("RB_B", "pods/deep/b.md")]
    assert list(loaded.plans) == list(loaded.places)
    assert list(loaded.problems) == ["pods/deep/c.md"]
    assert lint([tmp_path]).files == 4


def test_two_files_of_one_id_are_both_named_wherever_they_are(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        files(tmp_path / folder, a=a_runbook("RB_A", f"Of{folder}"))

    assert [str(said) for said in lint([tmp_path]).diagnostics] == [
        f"{tmp_path}/second/a.md:2: error: first/a.md has the runbook_id RB_A already; change or remove one of the two"
    ]


def test_a_link_to_a_directory_is_followed_and_one_that_leads_back_is_not(tmp_path: Path) -> None:
    """As a ConfigMap whose items have paths of subdirectories is mounted."""
    (tmp_path / "..data" / "pods").mkdir(parents=True)
    files(tmp_path / "..data" / "pods", a=a_runbook("RB_A", "A"))
    (tmp_path / "pods").symlink_to("..data/pods")
    (tmp_path / "..data" / "pods" / "again").symlink_to(tmp_path)

    loaded = load_directory(tmp_path)

    assert (loaded.places, loaded.problems) == ({"RB_A": "pods/a.md"}, {})


def test_a_subdirectory_that_cannot_be_read_is_a_problem_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path, a=a_runbook("RB_A", "A"))
    (tmp_path / "locked").mkdir()
    iterdir = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)

    loaded = load_directory(tmp_path)

    assert list(loaded.plans) == ["RB_A"]
    assert str(loaded.problems["locked"]).startswith(f"{tmp_path}/locked:1: error: the directory cannot be read: ")


def test_a_file_in_a_subdirectory_that_breaks_keeps_its_last_good_plan(tmp_path: Path) -> None:
    """Its neighbour of the same name is another file."""
    for folder, name in (("first", "A"), ("second", "B")):
        (tmp_path / folder).mkdir()
        files(tmp_path / folder, a=a_runbook(f"RB_{name}", name))
    catalog = Catalog(tmp_path)

    files(tmp_path / "first", a="broken")
    (tmp_path / "second" / "a.md").unlink()
    catalog.reload()
    catalog.reload()

    assert list(catalog.plans) == ["RB_A"]
    assert list(catalog.problems) == ["first/a.md"]


def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(tmp_path: Path) -> None:
    files(tmp_path, a=a_runbook("RB_A", "A"))
    (tmp_path / "b.md").symlink_to(tmp_path / "gone")

    loaded = load_directory(tmp_path)

    assert list(loaded.plans) == ["RB_A"]
    assert str(loaded.problems["b.md"]) == (
        f"{tmp_path}/b.md:1: error: the file cannot be read: No such file or directory; let the process read it, "
        "or remove it"
    )


def test_a_directory_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDirectory, match="nowhere: No such file or directory"):
        load_directory(tmp_path / "nowhere")


def test_an_alert_is_routed_by_its_runbook_id_else_by_its_name(tmp_path: Path) -> None:
    catalog = Catalog(files(tmp_path, a=a_runbook("RB_A", "A"), b=a_runbook("RB_B", "B")))

    def routed(labels: dict[str, str], annotations: dict[str, str] | None = None) -> str | None:
        plan = catalog.for_alert(labels, annotations or {})
        return plan.runbook_id if plan else None

    assert routed({"alertname": "A"}) == "RB_A"
    assert routed({"alertname": "A", "runbook_id": "RB_B"}) == "RB_B"
    assert routed({"alertname": "A"}, {"runbook_id": "RB_B"}) == "RB_B"
    assert routed({"alertname": "A", "runbook_id": "RB_A"}, {"runbook_id": "RB_B"}) == "RB_A"
    assert routed({"alertname": "A", "runbook_id": "RB_X"}) is None
    assert routed({"alertname": "C"}) is None
    assert routed({}) is None


def test_a_file_that_breaks_keeps_its_last_good_plan_until_it_is_repaired(tmp_path: Path) -> None:
    catalog = Catalog(files(tmp_path, a=a_runbook("RB_A", "A"), b=a_runbook("RB_B", "B")))
    good = catalog.plans["RB_A"]

    files(tmp_path, a="broken")
    catalog.reload()
    catalog.reload()

    assert catalog.plans["RB_A"] == good
    assert catalog.for_alert({"alertname": "A"}, {}) == good
    assert isinstance(catalog.problems["a.md"], RunbookError)

    files(tmp_path, a=a_runbook("RB_A", "A2"))
    catalog.reload()

    assert catalog.problems == {}
    assert catalog.plans["RB_A"].alertname == "A2"
    assert catalog.for_alert({"alertname": "A"}, {}) is None


def test_a_last_good_plan_gives_way_to_a_file_that_compiles(tmp_path: Path) -> None:
    catalog = Catalog(files(tmp_path, a=a_runbook("RB_A", "A")))

    files(tmp_path, a="broken", b=a_runbook("RB_B", "A"))
    catalog.reload()

    assert list(catalog.plans) == ["RB_B"]


def test_a_file_that_is_removed_takes_its_runbook_along(tmp_path: Path) -> None:
    catalog = Catalog(files(tmp_path, a=a_runbook("RB_A", "A"), b=a_runbook("RB_B", "B")))

    (tmp_path / "a.md").unlink()
    catalog.reload()

    assert list(catalog.plans) == ["RB_B"]


def test_a_reload_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runbooks"
    path.mkdir()
    catalog = Catalog(files(path, a=a_runbook("RB_A", "A")))
    path.rename(tmp_path / "elsewhere")

    with pytest.raises(UnreadableDirectory):
        catalog.reload()

    assert list(catalog.plans) == ["RB_A"]


def test_lint_says_everything_of_files_and_directories(tmp_path: Path) -> None:
    files(
        tmp_path,
        a=a_runbook("RB_A", "A").replace("- Container starts", "- Users are happy\n- Container starts"),
        b="# nothing\n",
    )

    linted = lint([tmp_path])

    assert linted.failed
    assert linted.files == 2
    assert [(Path(said.file).name, said.line, said.severity) for said in linted.diagnostics] == [
        ("a.md", 52, Severity.WARNING),
        ("b.md", 1, Severity.ERROR),
    ]
    assert json.loads(linted.as_json())[1] == {
        "file": f"{tmp_path}/b.md",
        "line": 1,
        "severity": "error",
        "problem": "the file has no front matter",
        "remedy": "begin it with a line of ---, the keys runbook_id, alertname, title, description and workflow, and "
        "a line of ---",
        "kind": None,
        "column": 0,
    }


def test_lint_of_a_single_file_does_not_fail_for_a_warning(tmp_path: Path) -> None:
    files(tmp_path, a=a_runbook().replace("- Container starts", "- Users are happy\n- Container starts"))

    linted = lint([tmp_path / "a.md"])

    assert (linted.files, linted.failed, len(linted.diagnostics)) == (1, False, 1)
