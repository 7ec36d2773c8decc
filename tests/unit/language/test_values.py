"""What a command's placeholders are filled with: no value changes what is selected."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.alerts.alert import Target
from runmend.core.errors import StepFailed
from runmend.kube.owners import Workloads
from runmend.language.target import TargetNow
from runmend.language.verbs import reading_of
from runmend.language.verbs.values import checked
from runmend.language.verbs.verb import Asked as Question
from runmend.plan.operations import Operation
from tests.builders import events_query

QUERY = events_query("involvedObject.name={pod}")
HOSTILE = [
    "$(reboot)",
    "a; rm -rf /",
    "a|b",
    "`id`",
    "../secrets",
    "..",
    "",
    "-n",
    "a b",
    "a\n",
    "a\x00",
    "a,type=Normal",
    "a=b",
    "{namespace}",
    "wеb",  # noqa: RUF001  a Cyrillic letter, which is the point
    "ＷＥＢ",  # noqa: RUF001  the same in full width
    "a" * 10_000,
    '","image":"evil',
]
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
texts = st.text(max_size=40) | st.sampled_from(HOSTILE) | st.text(string.printable, max_size=20)


class Asked:
    """Stands for a cluster: keeps what it was asked for."""

    def __init__(self) -> None:
        self.queries: list[tuple[str, str]] = []

    def events(self, namespace: str, field_selector: str = "") -> tuple[()]:
        self.queries.append((namespace, field_selector))
        return ()


def read_events(cluster: Any, operation: Operation, values: dict[str, str]) -> None:
    reading, arguments = reading_of(operation)
    now = TargetNow(Target(cluster="test", namespace="shop", kind="Deployment", name="web"), Workloads((), {}), None)
    reading.read(arguments, cluster, Question(operation, now, values))


def asked(values: dict[str, str], operation: Operation = QUERY) -> list[tuple[str, str]]:
    cluster: Any = Asked()
    read_events(cluster, operation, values)
    queries: list[tuple[str, str]] = cluster.queries
    return queries


def test_placeholders_are_filled_into_the_query() -> None:
    assert asked({"namespace": "shop", "pod": "web-1"}) == [("shop", "involvedObject.name=web-1")]


def test_literal_terms_are_sent_as_they_are_written() -> None:
    operation = events_query("type!=Normal", "involvedObject.name={pod}")

    assert asked({"namespace": "shop", "pod": "web-1"}, operation) == [
        ("shop", "type!=Normal,involvedObject.name=web-1")
    ]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("label", ["namespace", "pod"])
def test_a_hostile_label_is_refused_before_anything_is_asked(label: str, value: str) -> None:
    cluster: Any = Asked()

    with pytest.raises(StepFailed, match="cannot be filled"):
        read_events(cluster, QUERY, {"namespace": "shop", "pod": "web-1", label: value})

    assert cluster.queries == []


@given(texts, texts)
def test_whatever_the_labels_hold_a_query_has_one_namespace_and_one_term(namespace: str, pod: str) -> None:
    cluster: Any = Asked()
    try:
        read_events(cluster, QUERY, {"namespace": namespace, "pod": pod})
    except StepFailed:
        assert cluster.queries == []
        return
    ((sent_namespace, selector),) = cluster.queries
    assert (sent_namespace, selector) == (namespace, f"involvedObject.name={pod}")
    assert set(namespace + pod) <= set(string.ascii_lowercase + string.digits + "-.")


def test_a_literal_that_a_selector_gives_a_meaning_to_is_refused() -> None:
    operation = events_query("reason=a,b=c")

    with pytest.raises(StepFailed, match="give a meaning to"):
        asked({"namespace": "shop"}, operation)


def test_a_placeholder_without_a_value_is_named() -> None:
    with pytest.raises(StepFailed, match=r"'\{pod\}' cannot be filled: there is no value for 'pod'"):
        asked({"namespace": "shop"})


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("namespace", "shop", "shop.example"),
        ("container", "app", "app.1"),
        ("name", "web.example-1", "Web"),
        ("image", "registry.example:5000/a/b:1.0", "registry.example/App:1.0"),
        ("image", "a@sha256:" + "0" * 64, "a@sha256:1"),
        ("image", "app", "app:1 2"),
    ],
)
def test_a_value_is_checked_for_what_it_is(kind: str, good: str, bad: str) -> None:
    assert checked("{x}", {"x": good}, kind) == good
    with pytest.raises(StepFailed, match="cannot be filled"):
        checked("{x}", {"x": bad}, kind)


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    with pytest.raises(StepFailed):
        checked("{a}", {"a": "{b}", "b": "shop"}, "namespace")
