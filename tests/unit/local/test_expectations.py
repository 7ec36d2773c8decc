"""The files that say what runbooks are expected to do: what they may hold, and what is said of what they may not."""

import json
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.local.simulating.expectations import Case, Expect, Expectations, Unreadable, read_expectations
from runmend.local.simulating.variations import Variation
from runmend.plan.messages import StepStatus
from tests.world import seed_plan

WHOLE = """\
cases:
  - name: an image that is not there
    scenario: bad-image
    variation: put-back
    alert:
      labels: {severity: page}
    expect:
      outcome: Reverted
      says: somebody-else
      steps: {patch_image: done}
      changes: ["container app: a:1 → b:2"]
      removed: 0
  - name: a Service
    objects:
      - {apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}}
    alert: {labels: {namespace: shop, service: web}}
    expect: {outcome: unrouted}
"""


def read(text: str) -> Expectations:
    return read_expectations(dedent(text), "RB_X.test.yaml", seed_plan())


def said(text: str) -> list[str]:
    with pytest.raises(Unreadable) as raised:
        read(text)
    return [str(each) for each in raised.value.diagnostics]


def test_a_whole_file_is_read() -> None:
    first, second = read(WHOLE).cases

    assert (first.scenario, first.variation) == ("bad-image", Variation.PUT_BACK)
    assert first.alert.labels == {"severity": "page"}
    assert first.expect == Expect(
        outcome="Reverted",
        says="somebody-else",
        steps={"patch_image": StepStatus.DONE},
        changes=("container app: a:1 → b:2",),
        removed=0,
    )
    assert second.objects[0]["kind"] == "Service"
    assert (second.expect.changes, second.waits_for) == (None, "")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    scenario:", "    scenery:", '3: error: unknown key "scenery"; write name, scenario, '),
        ("says: some", "say: some", '9: error: unknown key "say"; write outcome, says, steps, changes or removed'),
        ("cases:", '"x": 1\ncases:', '1: error: unknown key "x"; write cases'),
        ("outcome: Reverted", "outcome: fine", '8: error: "fine" is no outcome; write resolved, not_needed, '),
        ("bad-image", "bad-luck", '3: error: "bad-luck" is no scenario; write bad-image, '),
        ("put-back", "elsewhere", "4: error: cases.variation: input should be 'broken', 'healthy', "),
        ("patch_image: done", "patch: done", '10: error: RB_IMAGEPULL has no step "patch"; write get_pod_events or '),
        ("patch_image: done", "patch_image: fine", "10: error: cases.expect.steps.patch_image: input should be 'done'"),
        ("removed: 0", "removed: -1", "12: error: cases.expect.removed: input should be greater than or equal to 0"),
        ("severity: page", "severity: 1", "6: error: cases.alert.labels.severity: input should be a valid string"),
        ("a Service", "an image that is not there", '13: error: the name "an image that is not there" stands there '),
        ("kind: Service, ", "", "14: error: number 1 has no kind; write a whole Kubernetes manifest"),
        ("    scenario: bad-image\n", "", "2: error: a case has either a scenario, or objects and what"),
        ("    alert: {labels: {namespace: shop, service: web}}\n", "", "13: error: objects need an alert"),
        ("    expect: {outcome: unrouted}\n", "", "13: error: cases.expect is missing; docs/cli.md"),
        ("service: web}}", "service: web}, pods_of: web}", '16: error: "web" is no workload; write for example '),
        ("    variation: put-back", "    until: ready", "2: error: until and pods_of are for objects"),
        ("bad-image\n    variation: put-back", "node-not-ready\n    variation: under-way", "2: error: node-not"),
        ("name: a Service", "name: *an", "13: error: it holds an anchor or an alias"),
        ("name: a Service", "name: [", "15: error: expected the node content, but found '-'; correct the YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, says: str) -> None:
    assert old in WHOLE

    first = said(WHOLE.replace(old, new, 1))[0]

    assert first.startswith(f"RB_X.test.yaml:{says}")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = WHOLE.replace("outcome: Reverted", "outcome: fine").replace("unrouted", "odd")

    assert [line.partition(": error: ")[0] for line in said(text)] == ["RB_X.test.yaml:8", "RB_X.test.yaml:17"]


@pytest.mark.parametrize("text", ["", "cases: []", "cases: 3", "[]", "cases: [3]", "x: 2001-99-99"])
def test_a_file_without_cases_is_refused(text: str) -> None:
    assert said(text)[0].startswith("RB_X.test.yaml:1: error: ")


@given(st.text(max_size=200))
def test_whatever_stands_in_a_file_is_read_or_refused(text: str) -> None:
    assert _read_or_refused(text)


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["cases", "name", "expect", "objects", "alert"]), inner)
    ),
    max_leaves=12,
)


@given(NESTED)
def test_whatever_is_nested_in_a_file_is_read_or_refused(value: object) -> None:
    assert _read_or_refused(json.dumps(value))


def _read_or_refused(text: str) -> bool:
    """Whether there are cases, or something is said to be wrong."""
    try:
        return bool(read(text).cases)
    except Unreadable as error:
        return bool(error.diagnostics)


def test_pods_are_waited_for_to_be_ready_where_nothing_else_is_said() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0"}}
    given_ = {"name": "n", "objects": [pod], "alert": {"pods_of": "Pod/web-0"}, "expect": {"outcome": "resolved"}}

    assert Case.model_validate(given_).waits_for == "ready"
    assert Case.model_validate(given_ | {"until": "ImagePullBackOff"}).waits_for == "ImagePullBackOff"
