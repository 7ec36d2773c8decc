"""Criteria and gates that ask Prometheus and addresses, as a runbook writes them."""

import pytest

from runmend.plan.criteria import Criterion
from runmend.runbook.explain import explain
from tests.unit.runbooks import changed, compiled, said

LAST = "- Container starts successfully"


def criterion(written: str) -> Criterion:
    return compiled((LAST, f"{LAST}\n{written}")).plan.criteria[-1]


def notes(*replacements: tuple[str, str]) -> list[str]:
    return [str(each) for each in compiled(*replacements).warnings if str(each).endswith("[outside]")]


@pytest.mark.parametrize("key", ["query:", "Query:", "**query**:"])
def test_a_query_stands_as_an_item_under_its_sentence(key: str) -> None:
    found = criterion(f'- Error rate stays below 1% for 10 minutes\n  - {key} `a{{b="c"}} / d`')

    assert found.expression == ("prometheus('a{b=\"c\"} / d') < 0.01 && prometheus('a{b=\"c\"} / d') <= 1.0")
    assert (found.must, found.seconds, found.text) == ("stay", 600, "Error rate stays below 1% for 10 minutes")


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("p99 latency is below 300ms", "< 0.3"),
        ("p99 latency stays under 1.5 seconds for 5 minutes", "< 1.5"),
        ("Consumer lag (orders) falls to at most 100", "<= 100.0"),
        ("Replication lag never exceeds 30s", "<= 30.0"),
        ("Targets up is exactly 3", "== 3.0"),
    ],
)
def test_levels_and_times(text: str, compared: str) -> None:
    found = criterion(f"- {text}\n  - query: `q`")

    assert found.expression == f'prometheus("q") {compared}'


@pytest.mark.parametrize(
    "written",
    [
        "- Error rate stays below 1% for 10 minutes",
        "- Error rate stays below 150% for 10 minutes\n  - query: `q`",
        "- Error rate is below 1%\n  - a query: `q`",
        "- Error rate is back to baseline\n  - query: `q`",
        "- Pod is Running\n  - query: `q`",
        "- The health endpoint returns 200",
        "- `https://user:secret@shop.example.com/` returns 200",
        "- `https://a.example/` and `https://b.example/` return 200",
        "- The alert fires",
    ],
)
def test_what_is_not_plain_is_not_understood(written: str) -> None:
    assert not criterion(written).understood


def test_a_quote_of_each_kind_stays_in_its_query() -> None:
    found = criterion('- Lag is below 5\n  - query: `a{b="c\'d\\\\e"}`')

    assert found.expression == 'prometheus("a{b=\\"c\'d\\\\\\\\e\\"}") < 5.0'


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (
            '- Lag is below 5\n  - query: `a{b="{nothing}"}`',
            "asks with the placeholder {nothing}, which nothing fills; write one of {",
        ),
        (
            '- Lag is below 5\n  - query: `a{b="{pod}"}`',
            "the placeholder {pod}, and a criterion speaks of the target after the change, whose pods are new",
        ),
        (
            "- Lag is below 5\n  - query: `a{{namespace}}`",
            "a placeholder of a query stands in {namespace}, outside of the quotes of a label's matcher",
        ),
        ('- `prometheus("up" + "x") > 0.5`', "what prometheus asks for must be written out; write prometheus('up{"),
        ('- `prometheus("up") > 5`', "a value of Prometheus is compared with a number that has a point: 1.0"),
        ('- `http("shop.example.com/health").status == 200`', "shop.example.com/health is no address of http or https"),
        ('- `http("https://a/#b").status == 200`', "https://a/#b holds a user, a fragment, or characters that"),
        ('- `http("https://a/").code == 200`', "a Answer has no fact 'code'; its facts are body, status"),
        ('- `samples("up").all(s, s.job == "a")`', "a Sample has no fact 'job'; its facts are labels, value"),
        ("- Lag is below 5\n  - query: q", "rb.md:54: error: the query is not code; write it in backticks"),
        ("- Lag is below 5\n  - query: `q` `r`", "rb.md:54: error: the query is not code; write it in backticks"),
        ('- `prometheus(" ") > 0.5`', "prometheus is asked for nothing; write what it is to ask for"),
    ],
)
def test_what_is_wrong_with_a_question_is_an_error(written: str, says: str) -> None:
    first = said(changed((LAST, f"{LAST}\n{written}")))

    assert any(says in each and ": error: " in each for each in first), first


def test_a_sentence_without_its_query_is_unverified_and_lint_says_what_lacks() -> None:
    found = compiled((LAST, f"{LAST}\n- Error rate stays below 1% for 10 minutes"))

    assert not found.plan.criteria[-1].understood
    assert any(
        "write the query of Prometheus that it speaks of as an item under it" in str(each) for each in found.warnings
    )


@pytest.mark.parametrize(
    ("written", "setting"),
    [
        ('- `prometheus("up") == 1.0`', "RUNMEND_PROMETHEUS_URL"),
        ("- Lag is below 5\n  - query: `q`", "RUNMEND_PROMETHEUS_URL"),
        ("- The alert no longer fires", "RUNMEND_PROMETHEUS_URL"),
        ("- `https://shop.example.com/health` returns 200", "RUNMEND_HTTP_HOSTS"),
    ],
)
def test_lint_notes_what_has_to_be_set(written: str, setting: str) -> None:
    (note,) = notes((LAST, f"{LAST}\n{written}"))

    assert f"cannot be told where {setting} of the worker is not set" in note


def test_a_gate_may_ask_for_the_alerts_pod_and_labels() -> None:
    when = '    when: prometheus(\'up{pod="{pod}",team="{alert.team}"}\') == 1.0\n'
    plan = compiled(("  - action_id: patch_image\n", f"  - action_id: patch_image\n{when}")).plan

    assert plan.steps[-1].gate == '(prometheus(\'up{pod="{pod}",team="{alert.team}"}\') == 1.0)'


def test_who_reads_a_runbook_is_told_what_is_asked_of_others() -> None:
    plan = compiled(
        (
            LAST,
            f"{LAST}\n- Lag is below 5\n  - query: `q`\n- `https://a.example/` returns 200\n- Alert is resolved",
        )
    ).plan

    told = "\n".join(explain(plan))

    assert "asked of Prometheus: q" in told
    assert "asked of an address: https://a.example/" in told
    assert "asked of Prometheus: whether the alert fires" in told
