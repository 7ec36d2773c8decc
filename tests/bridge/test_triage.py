"""The answers as pure functions, on arbitrary input."""

import string
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.alerts.alert import Target
from runmend.bridge.triage import CARRIED_MAX, Answer, decide
from runmend.bridge.webhook import BadWebhook, MalformedAlert, Webhook, WebhookAlert, WebhookReader, read_alert, slices
from runmend.core.settings import Settings
from runmend.plan.plan import Plan
from runmend.runs.routing import Place, Routed, Unrouted, check_place, check_target
from tests.bridge.support import an_alert

PLAN = Plan(
    sha256="0" * 64, file="RB.md", runbook_id="RB", alertname="A", title="T", state="ImagePullBackOff", steps=()
)
NAME = set(string.ascii_lowercase + string.digits + "-.")


def read(body: bytes) -> Webhook:
    reader = WebhookReader()
    for data in slices(body):
        reader.feed(data)
    return reader.close()


def routed(index: int, alert: WebhookAlert, plan: Plan = PLAN) -> Routed:
    return Routed(index, alert.alert, plan, alert.subject, Place("Pod", alert.alert.namespace), alert.alert.pod)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200) | json.map(lambda value: repr(value).encode()))
def test_a_body_is_read_or_is_a_bad_webhook(body: bytes) -> None:
    try:
        read(body)
    except BadWebhook as error:
        said = str(error)
        assert 0 < len(said) < 500


@given(
    json
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("status", "labels", "annotations", "startsAt", "fingerprint"), json)
    )
)
def test_an_alert_is_read_or_malformed(raw: Any) -> None:
    try:
        assert read_alert(raw).labels == raw["labels"]
    except MalformedAlert as error:
        assert len(str(error)) < 500  # noqa: PT017  either outcome is right; both are looked at


@given(
    st.fixed_dictionaries(
        {"namespace": st.text(), "pod": st.text()}, optional={"container": st.text(), "cluster": st.text()}
    )
)
def test_whatever_labels_hold_only_names_reach_a_request(labels: dict[str, str]) -> None:
    alert = read_alert(an_alert() | {"labels": labels})

    try:
        found = check_place(0, alert.alert, alert.subject, PLAN, Settings())
    except Unrouted as why:
        assert len(str(why)) < 400  # noqa: PT017  either outcome is right; both are looked at
    else:
        for value in (found.alert.namespace, found.alert.pod, found.alert.container):
            assert set(value) <= NAME
            assert len(value) <= 253


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("http://prometheus.example:9090/graph?g0.expr=up", "http://prometheus.example:9090/graph?g0.expr=up"),
        ("https://user:secret@prometheus.example/graph", "https://prometheus.example/graph"),
        (
            "https://x/graph?orgId=1&auth_token=s3cret&g0.expr=a%3D1#access_token=s3cret",
            "https://x/graph?orgId=1&g0.expr=a%3D1",
        ),
        ("javascript:alert(1)", ""),
        ("http://[", ""),
        ("https://x/" + "y" * 2000, ""),
        (7, ""),
        (None, ""),
    ],
)
def test_where_an_alert_was_raised_is_kept_where_it_is_an_address_and_without_its_password(
    told: object, kept: str
) -> None:
    found = read_alert(an_alert() | {"generatorURL": told})

    assert found.alert.generator == kept


def test_what_a_start_carries_is_counted_in_bytes() -> None:
    target = Target(cluster="c", namespace="shop", kind="Deployment", name="web")
    asked = [routed(n, read_alert(an_alert(number=str(n), other="\N{FIRE}" * 15_000))) for n in range(8)]

    decision = decide(target, "", asked, None, Settings(), datetime.now(UTC))

    assert [one.index for one in decision.carried] == [0, 1, 2]
    assert sum(len(alert.model_dump_json().encode()) for alert in decision.alerts) <= CARRIED_MAX
    assert {ruling.answer for ruling in decision.rulings.values()} == {Answer.BUSY}


@pytest.mark.parametrize(("name", "fits"), [("d" * 119, True), ("d" * 120, False), ("é" * 60, False)])
def test_a_workflow_id_has_at_most_255_bytes(name: str, fits: bool) -> None:  # noqa: FBT001
    target = Target(cluster="c" * 63, namespace="n" * 59, kind="StatefulSet", name=name)
    assert len(target.workflow_id.encode()) == 136 + len(name.encode())

    if fits:
        assert check_target(target) == target
    else:
        with pytest.raises(Unrouted, match="256 bytes are more than the 255 that Temporal takes"):
            check_target(target)


@given(st.lists(st.sampled_from(["RB", "RB_OTHER", "RB_THIRD"]), min_size=1, max_size=8))
def test_of_the_runbooks_that_ask_for_a_target_one_is_carried_and_every_alert_is_answered(runbooks: list[str]) -> None:
    target = Target(cluster="c", namespace="shop", kind="Deployment", name="web")
    asked = [
        routed(index, read_alert(an_alert(number=str(index))), PLAN.model_copy(update={"runbook_id": runbook_id}))
        for index, runbook_id in enumerate(runbooks)
    ]

    decision = decide(target, "", asked, None, Settings(), datetime.now(UTC))

    assert {one.plan.runbook_id for one in decision.carried} == {runbooks[0]}
    assert {one.index for one in decision.carried} | set(decision.rulings) == set(range(len(runbooks)))
    assert {ruling.answer for ruling in decision.rulings.values()} <= {Answer.BUSY}
