"""Prometheus' API as it is asked, and what its answers come to."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from runmend.facts.outside import SampleFacts
from runmend.outside.fetching import NoAnswer
from runmend.outside.prometheus import Prometheus, matchers_of
from tests.answering import Answer, answering, as_vector, query_of, succeeded

UP = ({"__name__": "up", "job": "web"}, 1)


def samples_of(answer: Answer, query: str = "up") -> tuple[SampleFacts, ...]:
    with answering(lambda _: answer) as server:
        return asyncio.run(Prometheus(server.url).samples(query))


def why_not(answer: Answer) -> str:
    with pytest.raises(NoAnswer) as refused:
        samples_of(answer)
    return str(refused.value)


def test_a_query_is_asked_for_below_the_servers_own_path() -> None:
    with answering(lambda _: as_vector(UP)) as server:
        found = asyncio.run(Prometheus(f"{server.url}/prometheus/").samples('up{job="a b&c"}'))

    assert found == (SampleFacts(labels={"__name__": "up", "job": "web"}, value=1),)
    assert [path.partition("?")[0] for path in server.asked] == ["/prometheus/api/v1/query"]
    assert query_of(server.asked[0]) == 'up{job="a b&c"}'
    assert "authorization" not in server.headers[0]


def test_a_scalar_is_a_sample_without_labels() -> None:
    assert samples_of(succeeded({"resultType": "scalar", "result": [1.0, "0.25"]})) == (SampleFacts(value=0.25),)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (as_vector(), "Prometheus has no sample for it"),
        (
            as_vector((UP[0], "NaN")),
            'the value that Prometheus has for it is no number (NaN): __name__="up", job="web"',
        ),
        (
            (400, json.dumps({"status": "error", "error": 'parse error: unexpected "}"'}).encode()),
            'Prometheus answers 400: parse error: unexpected "}"',
        ),
        ((503, b"upstream"), "Prometheus answers 503, and not as its API does"),
        ((200, b"<html>"), "Prometheus answers 200, and not as its API does"),
        ((200, b"[" * 100_000), "Prometheus answers 200, and not as its API does"),
        ((200, b'["success"]'), "Prometheus answers 200, and not as its API does"),
        (succeeded({"resultType": "matrix", "result": []}), "Prometheus answers with what is no vector and no scalar"),
        (
            succeeded({"resultType": "vector", "result": [{}]}),
            "Prometheus answers with what is no vector and no scalar",
        ),
        (succeeded(None), "Prometheus answers with what is no vector and no scalar"),
        (
            succeeded({"resultType": "vector", "result": []}, warnings=["a store did not answer"]),
            "Prometheus warns that its answer is not whole: a store did not answer",
        ),
        (as_vector(*[UP] * 1001), "Prometheus has 1001 samples for it, and 1000 are looked at"),
        ((302, b"", {"Location": "/elsewhere"}), "Prometheus answers 302, and not as its API does"),
    ],
)
def test_what_is_no_answer_is_said(answer: Answer, why: str) -> None:
    assert why_not(answer) == why


def test_one_value_is_no_list() -> None:
    with answering(lambda _: as_vector(UP, ({"job": "db"}, 0))) as server, pytest.raises(NoAnswer, match="2 samples"):
        asyncio.run(Prometheus(server.url).value("up"))


def test_a_server_that_is_not_there_is_said() -> None:
    with answering(lambda _: as_vector(UP)) as server:
        gone = server.host
    with pytest.raises(NoAnswer, match=rf"^{gone} cannot be asked: "):
        asyncio.run(Prometheus(f"http://{gone}").value("up"))


def test_the_token_is_read_for_each_question(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with answering(lambda _: as_vector(UP)) as server:
        prometheus = Prometheus(server.url, token_file=token)
        for each in ("first", "second"):
            token.write_text(f"{each}\n")
            asyncio.run(prometheus.value("up"))

    assert [headers["authorization"] for headers in server.headers] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("text", [None, "", "two words", "ü"])
def test_a_token_that_is_none_is_not_sent(tmp_path: Path, text: str | None) -> None:
    token = tmp_path / "token"
    if text is not None:
        token.write_text(text)
    with (
        answering(lambda _: as_vector(UP)) as server,
        pytest.raises(NoAnswer, match="RUNMEND_PROMETHEUS_TOKEN_FILE") as refused,
    ):
        asyncio.run(Prometheus(server.url, token_file=token).value("up"))

    assert server.asked == []
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize(
    ("labels", "matchers"),
    [
        ({"alertname": "A"}, 'alertname="A",alertstate="firing"'),
        (
            {"alertname": "A", "namespace": "shop", "uid": "1", "empty": ""},
            'alertname="A",alertstate="firing",namespace=~"shop|"',
        ),
        (
            {"alertname": "A", "pod": "web-1"},
            'alertname="A",alertstate="firing",pod=~"web-1|web-2|"',
        ),
        (
            {"alertname": 'A"}', "path": 'a.b|"c\\'},
            'alertname="A\\"}",alertstate="firing",path=~"a\\\\.b\\\\|\\"c\\\\\\\\|"',
        ),
        ({"alertname": "A", "no-label{": "x"}, 'alertname="A",alertstate="firing"'),
    ],
)
def test_an_alert_is_chosen_by_its_own_labels(labels: Mapping[str, str], matchers: str) -> None:
    assert matchers_of(labels, ["web-2"]) == matchers


@pytest.mark.parametrize(("value", "fires"), [(2, True), (0, False)])
def test_an_alert_fires_where_one_of_its_series_does(value: int, *, fires: bool) -> None:
    with answering(lambda _: as_vector(({}, value))) as server:
        assert asyncio.run(Prometheus(server.url).fires({"alertname": "A"})) is fires

    chosen = '{alertname="A",alertstate="firing"}'
    assert query_of(server.asked[0]) == f"count(ALERTS{chosen}) or 0 * count(last_over_time(ALERTS{chosen}[1d]))"


def test_of_an_alert_that_prometheus_has_not_known_nothing_is_told() -> None:
    with (
        answering(lambda _: as_vector()) as server,
        pytest.raises(NoAnswer, match="has not known A firing with these labels within a day"),
    ):
        asyncio.run(Prometheus(server.url).fires({"alertname": "A"}))
