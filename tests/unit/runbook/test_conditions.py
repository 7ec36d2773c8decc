"""Conditions of an action: sentences and expressions, in a list, before a description, in a heading."""

import pytest

from runmend.facts.expressions import compiled as expression
from runmend.runbook.conditions import Meant, condition_of, in_heading, read_condition
from runmend.runbook.diagnostics import Report
from runmend.runbook.labels import Labels


def meant(text: str) -> tuple[Meant, ...] | None:
    report = Report("rb.md")
    found = read_condition(text, 1, report)
    assert report.diagnostics == ()
    for one in found or ():
        if one.expression:
            expression(one.expression)
    return found


def in_state(state: str) -> Meant:
    return Meant(f'waiting("{state}")', state=state, trouble=True)


@pytest.mark.parametrize(
    ("text", "required", "optional"),
    [
        ("Requires: `namespace`, `pod` labels", ("namespace", "pod"), ()),
        ("Requires: `namespace`, `pod` labels (and optional `container`)", ("namespace", "pod"), ("container",)),
        ("requires `namespace` and `pod`", ("namespace", "pod"), ()),
        ("Required labels: namespace, pod, and cluster.", ("namespace", "pod", "cluster"), ()),
        ("Requires the labels namespace and pod, optionally container", ("namespace", "pod"), ("container",)),
        ("Requires label `pod`", ("pod",), ()),
        ("Optional labels: container", (), ("container",)),
        ("Requires: `pod` labels (optional)", (), ("pod",)),
        ("Requires: `namespace`, `pod` (optional)", ("namespace",), ("pod",)),
        ("Requires: `team` labels", ("team",), ()),
        ("Requires: no labels", (), ()),
        ("Requires: none", (), ()),
        ("Requires nothing.", (), ()),
        ("No labels required", (), ()),
    ],
)
def test_a_condition_on_labels(text: str, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    assert meant(text) == (Meant(labels=Labels(required, optional)),)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Pod must be owned by a Deployment", "Deployment"),
        ("The pod is managed by the `Deployment`.", "Deployment"),
        ("If the pod is owned by a Deployment", "Deployment"),
        ("pod must be controlled by a statefulset", "StatefulSet"),
    ],
)
def test_a_condition_on_the_owner(text: str, kind: str) -> None:
    assert meant(text) == (Meant(owner=kind),)


@pytest.mark.parametrize(
    "text",
    [
        "Pod is in ImagePullBackOff",
        "Pod must be in `ImagePullBackOff` state.",
        "The container is stuck in the ImagePullBackOff status",
        "Only if pod is in ImagePullBackOff",
    ],
)
def test_a_condition_on_the_state(text: str) -> None:
    assert meant(text) == (in_state("ImagePullBackOff"),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Requires",
        "Requires: approval",
        "Requires: most labels",
        "Requires: nothing labels",
        "Requires: team labels",
        "Requires: no `pod` label",
        "Requires: `namespace` or `pod` labels",
        "Requires: `namespace`, `pod` labels (optional)",
        "Requires: optional `namespace`, `pod` labels",
        "Requires: `pod` labels (if present)",
        "Requires: cluster admin access and labels",
        "Requires: `name-space` labels",
        "Requires: `namespace` labels and a good reason",
        "Requires: `namespace` labels and approval",
        "Pod must not be owned by a Deployment",
        "Pod must be owned by a Unicorn",
        "Pod must be owned by a Deployment or a StatefulSet",
        "Unless pod is owned by a Deployment",
        "Once the pod is in ImagePullBackOff",
        "Pod is in ImagePullBackOff and it is Monday",
        "Pod is in Sadness",
        "No container restarts",
        "Pod is Running within 5 minutes",
        "`pod`",
        "Pod is Pending and " * 9 + "pod is Pending",
        "Requires: " + "`pod`, " * 200,
    ],
)
def test_a_condition_that_says_something_else_is_not_understood(text: str) -> None:
    assert meant(text) is None


@pytest.mark.parametrize(
    ("text", "stands_for"),
    [
        ("`workload.replicas > 1`", "workload.replicas > 1"),
        ("Only if `pods.exists(p, p.restarts > 3)`.", "pods.exists(p, p.restarts > 3)"),
        ("Unless `workload.paused && workload.replicas > 1`", "!(workload.paused && workload.replicas > 1)"),
        ("Unless pod is in ImagePullBackOff", '!(waiting("ImagePullBackOff"))'),
        ("Pod is not in ImagePullBackOff", 'pods.size() > 0 && !waiting("ImagePullBackOff")'),
        (
            "Unless the Deployment is paused and pod is Pending",
            ("!((workload.paused) && (pods.exists(p, p.phase == 'Pending')))"),
        ),
        ("Provided that the container was OOMKilled", 'terminated("OOMKilled")'),
        ("Container is OOMKilled", 'terminated("OOMKilled")'),
        ("Restart count is at most two", "pods.size() > 0 && pods.all(p, p.containers.all(c, c.restarts <= 2))"),
    ],
)
def test_a_condition_is_an_expression_or_stands_for_one(text: str, stands_for: str) -> None:
    found = meant(text)
    assert found is not None
    assert [one.expression for one in found] == [stands_for]


def test_conditions_that_are_joined_are_each_read() -> None:
    assert meant("If pod is in ImagePullBackOff and `workload.replicas > 1` and the Deployment is not paused") == (
        in_state("ImagePullBackOff"),
        Meant("workload.replicas > 1"),
        Meant("!workload.paused"),
    )


def test_what_is_wrong_with_an_expression_is_said_with_its_column() -> None:
    report = Report("rb.md")
    report.lines = ["  - Only if `pods.exists(p, p.redy)`"]

    assert read_condition(report.lines[0].removeprefix("  - "), 1, report) == ()
    (error,) = report.diagnostics
    assert str(error) == (
        "rb.md:1:31: error: the expression \"pods.exists(p, p.redy)\": a Pod has no fact 'redy'; did you mean 'ready'?"
    )


@pytest.mark.parametrize(
    ("description", "clause", "rest"),
    [
        ("If pod is in X, patch it.", "If pod is in X", " patch it."),
        ("If the pod is in X then patch it.", "If the pod is in X ", " patch it."),
        ("If pod is in X, then patch it, please.", "If pod is in X", " patch it, please."),
        ("Unless `waiting('a,b')`, patch it.", "Unless `waiting('a,b')`", " patch it."),
        ("If needed patch it.", "If needed patch it.", ""),
        ("Given that pod is in X, patch it.", "Given that pod is in X", " patch it."),
        ("While the pod is in X, patch it.", "While the pod is in X", " patch it."),
        ("If pod is in X, patch it and wait for the rollout.", "If pod is in X", " patch it and wait for the rollout."),
    ],
)
def test_a_description_may_begin_with_a_condition(description: str, clause: str, rest: str) -> None:
    found = condition_of(description)
    assert found is not None
    assert (found.clause, found.rest, found.whole, found.turns) == (clause, rest, True, False)


def test_half_a_condition_is_none() -> None:
    found = condition_of("If pod is in X, and only if asked, patch it.")
    assert found is not None
    assert (found.whole, found.shown) == (False, "If pod is in X, and only if asked, patch it.")


@pytest.mark.parametrize(
    ("description", "clause", "rest"),
    [
        ("Patch it if pod is in X.", "if pod is in X", "Patch it."),
        ("Patch it, provided that `a, b`. It is quick.", "provided that `a, b`", "Patch it. It is quick."),
        ("Patch it (unless pod is in X).", "unless pod is in X", "Patch it."),
        ("Patch it when pod is in X, then wait.", "when pod is in X", "Patch it, then wait."),
        ("This action applies if pod is in X.", "if pod is in X", "This action applies."),
        ("Patch it while pod is in ImagePullBackOff.", "while pod is in ImagePullBackOff", "Patch it."),
    ],
)
def test_the_first_sentence_of_a_description_may_end_with_a_condition(description: str, clause: str, rest: str) -> None:
    found = condition_of(description)
    assert found is not None
    assert (found.clause, found.rest, found.whole, found.turns) == (clause, rest, True, False)


@pytest.mark.parametrize(
    "description",
    [
        "If pod is in X, do nothing.",
        "If pod is in X, page the owner.",
        "If pod is in X, then wait for the owner's OK.",
        "If pod is in X, this step is skipped.",
        "If pod is in X, patch it, else page.",
        "If pod is in X, use the other runbook instead.",
        "If pod is in X, patch it. If pod is in Y, patch it too.",
        "If pod is in X, patch it unless it is paused.",
    ],
)
def test_a_condition_with_another_order_behind_it_is_known_as_such(description: str) -> None:
    found = condition_of(description)
    assert found is not None
    assert (found.turns, found.shown) == (True, description)


@pytest.mark.parametrize(
    "description",
    [
        "Iffy images are replaced.",
        "",
        "Patch it, but not when pod is in X.",
        "Do nothing if pod is in X.",
        "Patch it if pod is in X, otherwise page.",
        "Patch it if pod is in X. If pod is in Y, page.",
        "Patch it. Then patch another if pod is in X.",
        "Patch it, so that it starts when it is scheduled.",
        "Undo the rollout where a rollout caused it.",
        "Even if pod is in X, patch it.",
        "While pods wait for their image, patch it.",
    ],
)
def test_another_description_has_none(description: str) -> None:
    assert condition_of(description) is None


@pytest.mark.parametrize(
    ("heading", "title", "clause"),
    [
        ("Patch Image (if pod is in X)", "Patch Image", "if pod is in X"),
        ("Patch Image (only when `a.exists(b, c)`)", "Patch Image", "only when `a.exists(b, c)`"),
        ("Patch Image - if pod is in X", "Patch Image", "if pod is in X"),
        ("Patch Image: when pod is in X", "Patch Image", "when pod is in X"),
        ("Patch Image if pod is in X", "Patch Image", "if pod is in X"),
        ("Skip (if pod is in X)", "Skip (if pod is in X)", ""),
        ("Patch Image (if pod is in X) in staging", "Patch Image (if pod is in X) in staging", ""),
        ("Action 2: If pod is in X, patch it", "Action 2: If pod is in X, patch it", ""),
        ("What to do if pods crash", "What to do if pods crash", ""),
        ("Patch Image (manual)", "Patch Image (manual)", ""),
        ("(if only) Patch", "(if only) Patch", ""),
        ("Patch (if" + " x" * 300 + ")", "Patch (if" + " x" * 300 + ")", ""),
    ],
)
def test_a_heading_may_end_in_a_condition(heading: str, title: str, clause: str) -> None:
    assert in_heading(heading) == (title, clause)
