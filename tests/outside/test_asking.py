"""What expressions ask is asked: all of it at once, and nothing besides."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from runmend.alerts.alert import Alert
from runmend.facts.expressions import Judged, compiled
from runmend.facts.outside import Question
from runmend.facts.snapshot import Snapshot
from runmend.outside.addresses import Addresses
from runmend.outside.asking import NOBODY, Outside, Outsiders
from runmend.outside.prometheus import Prometheus
from tests.answering import Answer, Answering, answering, as_vector, query_of

VALUES = {"namespace": "shop", "deployment": "web"}


def an_alert(name: str, **labels: str) -> Alert:
    return Alert(fingerprint=name, starts_at="", labels={"alertname": name} | labels)


@contextmanager
def others(answer: Callable[[str], Answer]) -> Iterator[tuple[Outsiders, Answering]]:
    with answering(answer) as server:
        yield Outsiders(Prometheus(server.url), Addresses((server.host,), 5)), server


def judged(expression: str, told: Outside) -> Judged:
    snapshot = Snapshot(outside=told.told, alert_fires=told.alert_fires, unknown=told.unknown)
    return compiled(expression).judge(snapshot)


def test_nothing_is_asked_where_nothing_is_named() -> None:
    with others(lambda _: as_vector()) as (outsiders, server):
        assert outsiders.ask([compiled("pods.size() > 0")], VALUES) == Outside()

    assert server.asked == []


def test_one_question_of_several_expressions_is_asked_once() -> None:
    expressions = [
        compiled("prometheus('up{a=\"{namespace}\"}') > 0.5 && prometheus('up{a=\"{namespace}\"}') <= 1.0")
    ] * 2
    with others(lambda _: as_vector(({}, 1))) as (outsiders, server):
        outsiders.ask(expressions, VALUES)

    assert [query_of(path) for path in server.asked] == ['up{a="shop"}']


def test_questions_are_asked_all_at_once() -> None:
    def slowly(path: str) -> Answer:
        time.sleep(0.2)
        return as_vector(({}, len(path)))

    expressions = [compiled(f'prometheus("up{number}") > 0.0') for number in range(10)]
    with others(slowly) as (outsiders, _):
        began = time.monotonic()
        told = outsiders.ask(expressions, VALUES)

    assert len(told.told) == 10
    assert time.monotonic() - began < 1.5


def test_labels_of_the_first_alert_are_filled_in() -> None:
    alerts = (an_alert("A", team="pay"), an_alert("B", team="shop"))
    with others(lambda _: as_vector(({}, 1))) as (outsiders, server):
        told = outsiders.ask([compiled('prometheus(\'up{t="{alert.team}",n="{alert.no}"}\') > 0.5')], VALUES, alerts)
        outsiders.ask([compiled("prometheus('up{t=\"{alert.team}\"}') > 0.5")], VALUES, alerts)

    assert [query_of(path) for path in server.asked] == ['up{t="pay"}']
    ((_, unknown),) = told.told.items()
    assert unknown.unknown == "there is no alert.no to fill in"


@pytest.mark.parametrize(
    ("firing", "known", "fires", "why"),
    [
        ({"B"}, {"A", "B"}, True, ""),
        (set(), {"A", "B"}, False, ""),
        (set(), {"A"}, None, "Prometheus has not known B firing with these labels within a day"),
        ({"A"}, {"A"}, True, ""),
    ],
)
def test_of_several_alerts_one_that_fires_is_enough(
    firing: set[str],
    known: set[str],
    fires: bool | None,  # noqa: FBT001
    why: str,
) -> None:
    def answer(path: str) -> Answer:
        name = query_of(path).partition('alertname="')[2][0]
        return as_vector(*([({}, 1 if name in firing else 0)] if name in known else []))

    with others(answer) as (outsiders, _):
        told = outsiders.ask([compiled("!alert_fires")], VALUES, (an_alert("A"), an_alert("B")))

    assert told.alert_fires is fires
    assert told.unknown.get("alert_fires", "") == why
    assert judged("!alert_fires", told).holds is (None if fires is None else not fires)


def test_of_more_alerts_than_are_looked_at_nothing_is_said_where_none_fires() -> None:
    alerts = tuple(an_alert(f"A{number}") for number in range(12))
    with others(lambda _: as_vector(({}, 0))) as (outsiders, server):
        told = outsiders.ask([compiled("!alert_fires")], VALUES, alerts)

    assert told.unknown == {"alert_fires": "none of 10 alerts fires, and 2 more of the run's are not looked at"}
    assert len(server.asked) == 10


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ('prometheus("up") == 1.0', "RUNMEND_PROMETHEUS_URL of the worker names no Prometheus"),
        ('samples("up").all(s, s.value > 0.0)', "RUNMEND_PROMETHEUS_URL of the worker names no Prometheus"),
        ("alert_fires", "RUNMEND_PROMETHEUS_URL of the worker names no Prometheus"),
        ('http("https://a.example/").status == 200', "RUNMEND_HTTP_HOSTS of the worker names no host"),
    ],
)
def test_where_nothing_is_set_nothing_is_known(expression: str, words: str) -> None:
    told = NOBODY.ask([compiled(expression)], VALUES, (an_alert("A"),))
    found = judged(expression, told)

    assert found.holds is None
    assert words in found.evidence


@pytest.mark.parametrize(
    ("expression", "holds", "evidence"),
    [
        ('samples("lag").all(s, s.value < 5.0)', False, 'samples("lag") 2: value is 7.0 (topic="b")'),
        (
            'samples("lag").exists(s, s.labels.topic == "b" && s.value > 5.0)',
            True,
            'samples("lag") 2: labels.topic is "b", value is 7.0 (topic="b")',
        ),
        ('samples("lag").size() == 2', True, 'samples("lag").size() is 2'),
        (
            'samples("lag").filter(s, s.value > 5.0).size() == 1',
            True,
            'samples("lag").filter(s, s.value > 5.0).size() is 1',
        ),
        ('samples("lag").all(s, s.labels.nothing == "a")', None, None),
        (
            'prometheus("lag") < 5.0',
            None,
            'prometheus("lag"): Prometheus has 2 samples for it, and one value is asked for: ',
        ),
        ('prometheus("lag") < 5.0 || target.name == ""', None, None),
    ],
)
def test_what_samples_come_to(expression: str, holds: bool | None, evidence: str | None) -> None:  # noqa: FBT001
    with others(lambda _: as_vector(({"topic": "a"}, 1), ({"topic": "b"}, 7))) as (outsiders, _):
        found = judged(expression, outsiders.ask([compiled(expression)], VALUES))

    assert found.holds is holds
    if evidence:
        assert found.evidence.startswith(evidence)


@pytest.mark.parametrize(
    ("field", "holds"),
    [
        ("ready == true", True),
        ("waiting == 3", True),
        ("waiting > 2", True),
        ('parts[1].name == "db"', True),
        ("parts.all(p, p.ok == true)", False),
        ("nothing == 1", None),
        ("ready > 1", None),
    ],
)
def test_what_fields_of_an_answer_come_to(field: str, holds: bool | None) -> None:  # noqa: FBT001
    body = b'{"ready": true, "waiting": 3, "parts": [{"name": "web", "ok": true}, {"name": "db", "ok": false}]}'
    with others(lambda _: (200, body)) as (outsiders, server):
        expression = f'http("{server.url}/health").body.{field}'
        told = outsiders.ask([compiled(expression)], VALUES)
        asked = server.asked.copy()

    assert asked == ["/health"]
    assert judged(expression, told).holds is holds
    assert told.told[Question("http", f"{server.url}/health")].answer
