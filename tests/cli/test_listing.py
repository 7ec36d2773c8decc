"""How rows and numbers are laid out, and what `list` and `stats` answer to filters that cannot be."""

import io
import re
from datetime import timedelta

import pytest
from rich.console import Console

from runmend.cli.listing import _as_json, _table
from runmend.cli.main import run
from runmend.cli.statistics import _as_json as told_stats
from runmend.cli.statistics import print_stats
from runmend.runs.statistics import count
from runmend.runs.visibility import OUTCOMES
from tests.unit.rows import MIDNIGHT, a_row

LONG = "image not found, credentials refused, registry unreachable"
ROWS = [
    a_row(1, "PreconditionFailed", reason=LONG, name="checkout-service"),
    a_row(2, "running", runbook="RB_IMAGEPULL", name="a"),
]


def lines(width: int) -> list[str]:
    return [line for text in _table(ROWS, width) for line in text.plain.splitlines()]


def test_a_wide_terminal_has_a_line_for_each_run_and_cuts_long_reasons() -> None:
    header, first, second = lines(140)

    assert header.split() == ["OUTCOME", "RUN", "STARTED", "(UTC)", "TOOK", "KIND", "RUNBOOK", "REASON"]
    assert len(first) == 140
    assert first.endswith(f"  {LONG[: 139 - header.index('REASON')]}…")
    assert second.startswith("running ")


def test_a_list_fits_80_columns_with_each_target_once_and_its_whole_reason() -> None:
    header, first, why, second, more = lines(80)

    assert header.split() == ["OUTCOME", "RUN", "STARTED", "(UTC)", "TOOK"]
    assert first.split() == ["precondition", "failed", "shop/checkout-service@n-000001", "11-23", "00:00", "5m", "00s"]
    assert why == f"  Deployment, RB_A: {LONG}"
    assert second.startswith("running  ")
    assert more == "  Deployment, RB_IMAGEPULL"
    assert max(len(line) for line in lines(80)) <= 80


def test_where_short_reasons_fit_there_is_a_line_for_each_run() -> None:
    _, line = _table([a_row(1, reason="image not found")], 90)

    assert line.plain.startswith("resolved  shop/web@n-000001")
    assert line.plain.endswith("Deployment  RB_A     image not found")


def test_a_heading_is_whole_where_no_run_has_a_reason() -> None:
    for width in range(70, 90):
        header = _table([a_row(1, "running")], width)[0].plain
        assert header.endswith((" TOOK", " REASON")), width


def test_a_list_that_is_piped_has_whole_reasons() -> None:
    assert LONG in lines(100_000)[1]


def test_what_show_takes_is_never_cut() -> None:
    assert "shop/checkout-service@n-000001" in lines(40)[1]


def test_columns_stand_below_their_headings() -> None:
    header, first, second = lines(200)

    for heading, cell in (("RUNBOOK", "RB_A"), ("REASON", LONG), ("TOOK", "5m 00s"), ("RUN", "shop/checkout-service@")):
        assert first.index(cell) == header.index(heading)
    assert second.index("RB_IMAGEPULL") == header.index("RUNBOOK")


@pytest.mark.parametrize("width", [64, 80, 120])
def test_nothing_but_a_long_name_makes_a_line_longer_than_the_terminal(width: int) -> None:
    rows = [a_row(number, outcome, reason=LONG * 3) for number, outcome in enumerate(OUTCOMES)]

    assert max(len(line) for text in _table(rows, width) for line in text.plain.splitlines()) <= width


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\nb", "a\u202eb"])
def test_nothing_in_a_name_is_obeyed_by_a_terminal(text: str) -> None:
    [_, line] = _table([a_row(reason=text, runbook="[red]RB[/red]")], 200)

    assert line.plain.isprintable()
    assert "[red]RB[/red]" in line.plain


def test_a_row_in_json_has_times_with_their_zone_and_seconds() -> None:
    told = _as_json(a_row(7, "resolved", begins=60, lasts=303.25, reason="image not found"))

    assert told == {
        "outcome": "resolved",
        "target": "Deployment shop/web",
        "runbook_id": "RB_A",
        "reason": "image not found",
        "started": "2026-11-23T00:01:00+00:00",
        "ended": "2026-11-23T00:06:03.250000+00:00",
        "seconds": 303.25,
        "workflow_id": "c/shop/Deployment/web",
        "run_id": "run-000007",
        "replay": False,
        "problem": "",
        "unverified": 0,
    }


def test_a_resolved_run_of_which_a_criterion_was_not_checked_says_so_in_its_outcome() -> None:
    row = a_row(1, "resolved", reason="image not found; 2 criteria unverified")
    [_, line] = _table([row], 200)

    assert line.plain.startswith("resolved, 2 unverified  shop/web@")
    assert _as_json(row)["unverified"] == 2
    assert _as_json(a_row(1, "VerificationFailed", reason="criterion: 1 criterion unverified"))["unverified"] == 0


def printed(
    *outcomes: str, width: int = 200, runbook: str = "RB_A", name: str = "web", reason: str = "Forbidden"
) -> str:
    out = io.StringIO()
    rows = (a_row(number, each, runbook=runbook, name=name, reason=reason) for number, each in enumerate(outcomes))
    print_stats(Console(file=out, width=width), count(rows), "prod", MIDNIGHT)
    return out.getvalue()


def test_stats_tell_runbooks_reasons_and_the_worst_targets() -> None:
    said = printed("resolved", "StepFailed", "StepFailed", "running")
    [first, _, above, heads, runbook, _, _, why, _, _, target, _, offenders] = said.splitlines()

    assert first == "4 runs of cluster prod since 2026-11-23 00:00 UTC"
    assert above.split() == ["NOT", "RECOM-", "CAN-", "MEDIAN"]
    assert heads.split() == [
        "RUNBOOK",
        "RUNS",
        "RESOLVED",
        "NEEDED",
        "MENDED",
        "OBSERVED",
        "FAILED",
        "CELLED",
        "RUNNING",
        "TO",
        "FIX",
    ]
    assert runbook.split() == ["RB_A", "4", "1", "0", "0", "0", "2", "0", "1", "5m", "00s"]
    assert why.split() == ["RB_A", "2", "Forbidden"]
    assert target.split() == ["Deployment", "shop/web", "3", "1", "0", "2", "11-23", "00:00"]
    assert offenders == "1 target of 1 had more than one run with something to fix, or that failed"


def test_stats_fit_80_columns_and_a_long_name_keeps_its_end() -> None:
    said = printed("StepFailed", width=80, runbook="RB_" + "LONG" * 9, name="x" * 60, reason="why " * 60)

    assert max(len(line) for line in said.splitlines()) <= 80
    assert re.search(r"^…\w*LONG +1 ", said, re.MULTILINE)
    assert re.search(r"^…x+ +1 ", said, re.MULTILINE)


def test_stats_of_runs_without_trouble_name_no_target() -> None:
    assert "TARGETS" not in printed("not_needed", "running")


def test_stats_in_json_have_all_targets_and_every_number() -> None:
    told = told_stats(count([a_row(1, "StepFailed"), a_row(2, "resolved"), a_row(3, "not_needed", name="api")]))

    assert told["repeat_offenders"] == ["Deployment shop/web"]
    assert told["total"] == {
        "name": "all",
        "runs": 3,
        "resolved": 1,
        "not_needed": 1,
        "recommended": 0,
        "observed": 0,
        "failed": 1,
        "cancelled": 0,
        "running": 0,
        "other": 0,
        "failed_by_outcome": {"StepFailed": 1},
        "failed_by_reason": {"StepFailed": 1},
        "replays": 0,
        "trouble": 2,
        "median_seconds": timedelta(minutes=5).total_seconds(),
        "last": "2026-11-23T00:00:00+00:00",
    }
    targets = told["targets"]
    assert isinstance(targets, list)
    assert [one["name"] for one in targets] == ["Deployment shop/web", "Deployment shop/api"]


@pytest.mark.parametrize("command", ["list", "stats"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--since", "yesterday"],
            "'yesterday' is not a time; write how long ago, 90s, 30m, 1h, 2d or 1w, or 2026-11-23T04:00 or ",
        ),
        (["--since", "2999-01-01"], "'2999-01-01' is still to come"),
        (["--runbook", 'RB"'], "cannot be looked for: leave out quotes, backslashes and control characters"),
        (["--namespace", "a\\b"], "cannot be looked for"),
        (["--target", "a\nb"], "cannot be looked for"),
        (["--target", ""], "--target is empty; leave it out for all"),
        (["--namespace", " "], "--namespace is empty"),
        (["--runbook", "RB_*"], "has a wildcard in it"),
    ],
)
def test_a_filter_that_cannot_be_is_answered_with_what_can(
    capsys: pytest.CaptureFixture[str], command: str, options: list[str], says: str
) -> None:
    assert run([command, *options]) == 2

    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert says in said.err


def test_a_wrong_outcome_is_answered_with_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--outcome", "fixed"]) == 2
    assert (
        "'fixed' is not an outcome; the outcomes are resolved, not_needed, recommended, observed, PreconditionFailed, "
        in capsys.readouterr().err
    )
