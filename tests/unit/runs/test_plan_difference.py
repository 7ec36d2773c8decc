"""How two compiled runbooks differ, as a person reads it before a run is done again with the newer one."""

from runmend.plan.plan import Plan
from runmend.runbook import compile_runbook
from runmend.runs.replaying.difference import difference, does_the_same
from tests.builders import FALLBACK, GOOD, a_runbook


def plan(text: str) -> Plan:
    return compile_runbook(text.encode(), "RB_IMAGEPULL.md").plan


def changed(before: str, after: str) -> list[str]:
    """The lines of the difference that say what changed."""
    lines = difference(plan(before), plan(after)).splitlines()
    return [line for line in lines[2:] if line[0] in "+-" and "sha256" not in line]


def test_the_same_runbook_does_not_differ() -> None:
    assert difference(plan(a_runbook()), plan(a_runbook())) == ""


def test_the_file_and_its_digest_come_first() -> None:
    old, new = plan(a_runbook()), plan(a_runbook(fallback=GOOD))

    lines = difference(old, new).splitlines()

    assert lines[:2] == ["--- RB_IMAGEPULL.md (the run's)", "+++ RB_IMAGEPULL.md (as it is now)"]
    assert lines[3:6] == [" file: RB_IMAGEPULL.md", f"-sha256: {old.sha256}", f"+sha256: {new.sha256}"]


def test_what_changed_is_named_line_by_line() -> None:
    assert changed(a_runbook(), a_runbook(fallback=GOOD)) == [
        f"-    fallback_image: {FALLBACK}",
        f"+    fallback_image: {GOOD}",
        f"-    - {FALLBACK}",
        f"+    - {GOOD}",
    ]
    assert not does_the_same(plan(a_runbook()), plan(a_runbook(fallback=GOOD)))


def test_a_line_that_moves_everything_below_it_is_no_difference_of_what_is_done() -> None:
    moved = a_runbook().replace("\n## ", "\n\n## ")

    assert changed(a_runbook(), moved) == []
    assert difference(plan(a_runbook()), plan(moved)).count("\n") < 8
    assert does_the_same(plan(a_runbook()), plan(moved))


def test_a_text_that_would_move_the_cursor_is_shown_as_text() -> None:
    newer = plan(a_runbook()).model_copy(update={"notes": ("\x1b[2J all is well",)})

    assert "\x1b" not in difference(plan(a_runbook()), newer)
