"""Quantities and durations in expressions, as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.facts.expressions import ExpressionError, compiled
from runmend.facts.literals import Rewritten, literals_in, marked
from runmend.facts.pod import ContainerFacts, PodFacts, Resources
from runmend.facts.snapshot import Snapshot

APP = ContainerFacts(
    name="app",
    image="a",
    state="running",
    limits=Resources(cpu=250, memory=128 * 1024**2),
    runs_for=timedelta(seconds=90),
)
POD = PodFacts(namespace="shop", name="5m", uid="u", phase="Running", containers=(APP,), age=timedelta(minutes=6))
SNAPSHOT = Snapshot(pods=(POD,), all_pods=(POD,), pod=POD, container=APP)


@pytest.mark.parametrize(
    ("source", "holds", "evidence"),
    [
        ("container.limits.memory < 256Mi", True, "container.limits.memory is 128Mi"),
        ("container.limits.memory >= 0.125Gi", True, "container.limits.memory is 128Mi"),
        ("container.limits.memory == 134217728", True, "container.limits.memory is 128Mi"),
        ("container.limits.memory > 1M", True, "container.limits.memory is 128Mi"),
        ("container.limits.cpu < 500m", True, "container.limits.cpu is 250m"),
        ("500m > container.limits.cpu", True, "container.limits.cpu is 250m"),
        ("container.limits.cpu * 2 == 400m + 100m", True, "container.limits.cpu is 250m"),
        ("pod.age > 5m", True, "pod.age is 6m 00s"),
        ("pod.age > 5m + 90s", False, "pod.age is 6m 00s"),
        ("pod.age > 1h", False, "pod.age is 6m 00s"),
        ("container.runs_for < 1.5m + 1ms", True, "container.runs_for is 1m 30s"),
        ("container.back_off == 0s", True, "container.back_off is 0s"),
        (
            "pod.age > 5m && container.limits.cpu < 500m",
            True,
            "pod.age is 6m 00s (Running, app is not ready); container.limits.cpu is 250m",
        ),
        ("(pod.age > 5m) == (container.limits.cpu < 500m)", True, "pod.age is 6m 00s"),
        ("pods.exists(p, p.age > 5m && p.containers.all(c, c.limits.cpu > 200m))", True, "5m: age is 6m 00s, "),
        ("pod.name == '5m'", True, 'pod.name is "5m"'),
        ('pod.name == "5m" // and not 6m', True, 'pod.name is "5m"'),
        ("pod.name == r'5m'", True, 'pod.name is "5m"'),
        ("pod.name == '''5m'''", True, 'pod.name is "5m"'),
        ("container.last_exit_code == null", True, "container.last_exit_code is null"),
        ("pods.filter(p, p.age > 5m).size() == 1", True, "pods.filter(p, p.age > 5m).size() is 1"),
    ],
)
def test_they_are_read_as_what_they_stand_beside(source: str, holds: object, evidence: str) -> None:
    judged = compiled(source).judge(SNAPSHOT)

    assert judged.holds is holds
    assert judged.evidence.startswith(evidence)


@pytest.mark.parametrize("source", ["pod.age > 5m", "pod.age == duration('0s')", "pods.all(p, p.age < 1h)"])
def test_an_age_that_is_not_told_is_compared_with_nothing(source: str) -> None:
    ageless = POD.model_copy(update={"age": None})
    judged = compiled(source).judge(Snapshot(pods=(ageless,), pod=ageless))

    assert judged.holds is not True
    assert compiled("has(pod.age) || pod.age == null").judge(Snapshot(pod=ageless)).holds is True
    assert compiled("has(pod.age)").judge(Snapshot(pod=ageless)).holds is False


def test_a_label_of_that_name_is_a_label() -> None:
    judged = compiled("pod.labels.age == 'x'").judge(SNAPSHOT)

    assert judged.evidence == 'pod.labels.age (Running, app is not ready): Key not found in map : "age"'


@pytest.mark.parametrize(
    ("source", "what", "place"),
    [
        ("pod.age > 5m && pod.agee > 1h", "a Pod has no fact 'agee'", (1, 21)),
        ("pod.age > 5m\n  && pod.agee > 1h", "a Pod has no fact 'agee'", (2, 10)),
        ("container.limits.memory < 5m", "found no matching overload for '_<_' applied to '(int, duration)'", (1, 25)),
        ("container.restarts > 3 && pod.name < 256Mi", "found no matching overload", (1, 36)),
        ("5m > 3m > container.restarts", "found no matching overload for '_>_'", (1, 9)),
        ("pod.age < 99999999w", "99999999w is more than a hundred years", (1, 11)),
        ("restarted &&\npod.age < 99999999w", "99999999w is more than a hundred years", (2, 11)),
        ("container.limits.memory < 99999999999Ei", "invalid int literal", (1, 27)),
        ("pod.age > 5min", "Syntax error", (1, 12)),
    ],
)
def test_what_is_wrong_has_its_place_in_the_text_as_it_was_written(
    source: str, what: str, place: tuple[int, int]
) -> None:
    with pytest.raises(ExpressionError) as error:
        compiled(source)

    assert str(error.value).startswith(what)
    assert (error.value.line, error.value.column) == place


_TEXTS = st.lists(st.sampled_from(["5m", "256Mi", "1h", "a", "\n", " ", "'5m'", "+", "12", "é", '"']), max_size=12)


@given(_TEXTS.map(" ".join))
def test_every_place_outside_of_a_literal_is_found_again(source: str) -> None:
    literals = literals_in(source)
    read = Rewritten.of(source, marked(literals))

    inside = {place for each in literals for place in range(each.start, each.end)}
    for place, character in enumerate(source):
        if place in inside or character == "\n":
            continue
        moved = place + sum(len(word) - len(each.text) for each, word in marked(literals).items() if each.end <= place)
        assert read.text[moved] == character
        before = read.text[:moved].split("\n")
        column = read.column(len(before), len(before[-1]) + 1)
        assert column == len(source[:place].rsplit("\n", maxsplit=1)[-1]) + 1
