"""Criteria and diagnostic points as people write them."""

import pytest

from runmend.facts.expressions import compiled
from runmend.images.pull_failures import Cause
from runmend.plan.criteria import Criterion
from runmend.plan.plan import DiagnosticStep, Probe
from runmend.runbook.criteria import criterion_of, window_of
from runmend.runbook.diagnostic_steps import compile_diagnosis
from runmend.runbook.diagnostics import Report
from runmend.runbook.document import read_document
from runmend.runbook.forms import FORMS, Form, Place
from runmend.runbook.kubectl import LISTED
from runmend.runbook.phrases import seconds_in
from runmend.runbook.sentences import read_sentence
from tests.builders import events_query


def diagnosed(body: str) -> tuple[tuple[DiagnosticStep, ...], list[str]]:
    report = Report("rb.md")
    document = read_document(f"## Diagnostic Steps\n\n{body}\n".encode(), report)
    assert document is not None
    return compile_diagnosis(document, report), [str(diagnostic) for diagnostic in report.diagnostics]


STARTED = "pods.size() > 0 && pods.all(p, p.containers.all(c, c.done || (c.state == 'running' && c.started)))"
ROLLED_OUT = "workload.updated >= workload.replicas && workload.available >= workload.replicas"
RUNNING = "pods.size() > 0 && pods.all(p, p.running)"


def expression_of(text: str) -> str:
    read = read_sentence(text)
    assert read is not None, text
    compiled(read.expression)
    return read.expression


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.examples[0])
def test_the_examples_of_a_form_are_read_by_it_and_by_none_before_it(form: Form) -> None:
    places: tuple[Place, ...] = ("criterion", "condition")
    for place in places:
        for example in form.examples:
            read = read_sentence(example, place, form.query)
            if not form.may_stand(place):
                assert read is None or read.form is not form
                continue
            assert read is not None, example
            assert read.form is form, example
            assert bool(read.expression) is not bool(read.owner or read.labels)
            if read.expression:
                compiled(read.expression)


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("Pod transitions from ImagePullBackOff to Running", "ImagePullBackOff"),
        ("The pod transitions from imagepullbackoff to running.", "ImagePullBackOff"),
        ("All pods move from `ErrImagePull` to `Running`", "ErrImagePull"),
        ("Pods go back from ErrImagePull / ImagePullBackOff to Running", "ErrImagePull"),
        ("Pods recover from CrashLoopBackOff to Ready", "CrashLoopBackOff"),
        ("Pod returns to Running", None),
        ("Pod is Running", None),
        ("The pod is in Running state", None),
        ("All pods are Running and Ready.", None),
        ("**All replicas** are ready", None),
        ("Pods become Ready", None),
        ("Pod reaches the Running phase", None),
        ("Pod status is Running", None),
        ("[x] Every pod of the Deployment is running", None),
        ("All containers are ready", None),
        ("Pods are healthy again", None),
    ],
)
def test_a_sentence_about_running_pods(text: str, leaves: str | None) -> None:
    read = read_sentence(text)

    assert read is not None
    assert (read.must, read.leaves) == ("become", leaves)
    assert read.expression.startswith(RUNNING)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("Container starts successfully", f"{STARTED} && !restarted"),
        ("The container starts", f"{STARTED} && !restarted"),
        ("container started up!", f"{STARTED} && !restarted"),
        ("Pod is no longer in CrashLoopBackOff", 'pods.size() > 0 && !waiting("CrashLoopBackOff")'),
        ("There are no pods in Unschedulable state", 'pods.size() > 0 && !waiting("Unschedulable")'),
        ("At least three replicas are available", "pods.filter(p, p.running).size() >= 3"),
        ("The rollout has completed", ROLLED_OUT),
        ("Deployment is available", ROLLED_OUT),
        ("Readiness probe passes", "pods.size() > 0 && pods.all(p, p.containers.all(c, c.must_end || c.ready))"),
    ],
)
def test_a_sentence_stands_for_an_expression(text: str, expression: str) -> None:
    assert expression_of(text) == expression


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("No new ImagePullBackOff events for 5 minutes", 300),
        ("No ImagePullBackOff events for 10m", 600),
        ("No `ImagePullBackOff` events for ten minutes.", 600),
        ("There are no further ImagePullBackOff events in the next 90 seconds", 90),
        ("No more ImagePullBackOff or ErrImagePull events occur for an hour", 3600),
        ("No new ImagePullBackOff events for at least 1h30m", 5400),
        ("No new ImagePullBackOff events", None),
        ("No warning events for 5 minutes", 300),
        ("No container restarts for 5 minutes", 300),
        ("No restarts", None),
        ("No pod restarts for at least 2 hours", 7200),
        ("The container does not restart for 5 min", 300),
        ("Containers don\u2019t restart again", None),
        ("Restart count does not increase for 10 minutes", 600),
        ("No OOM kills for 10 minutes", 600),
        ("Pods remain Ready for 10 minutes", 600),
        ("Pod is Running for 5 minutes", 300),
        ("No pods in CrashLoopBackOff for 5 minutes", 300),
    ],
)
def test_what_must_stay_true_names_for_how_long(text: str, seconds: int | None) -> None:
    read = read_sentence(text)

    assert read is not None
    assert (read.must, read.seconds, read.within) == ("stay", seconds, None)
    compiled(read.expression)


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("Pod is Running within 5 minutes", 300),
        ("Rollout completes within ten minutes", 600),
        ("All replicas are available in less than 2m", 120),
    ],
)
def test_a_deadline_is_read_behind_what_must_become_true(text: str, within: int) -> None:
    read = read_sentence(text)

    assert read is not None
    assert (read.must, read.seconds, read.within) == ("become", None, within)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Pod is not Running",
        "Pod is Running or Pending",
        "Any pod is Running",
        "Any container is ready",
        "Pods are Running unless they are canaries",
        "All pods are Running except canaries",
        "No new ImagePullBackOff events within 5 minutes",
        "No container restarts in 5 minutes",
        "No container restarts for 5 minutes after",
        "No container restarts for up to 5 minutes",
        "No container restarts for 5 minutes, 10 minutes",
        "Not fewer than 3 restarts for 5 minutes",
        "Pod transitions from Running to ImagePullBackOff",
        "No new events for 5 minutes",
        "No new OOMKilled events for 5 minutes",
        "New ImagePullBackOff events for 5 minutes",
        "No new ImagePullBackOff events for a while",
        "No new ImagePullBackOff events for 5 minutes or so",
        "Container starts successfully or is removed",
        "Container does not start",
        "Users are happy",
        "Pod is Running " * 100,
    ],
)
def test_a_sentence_that_says_something_else_is_not_understood(text: str) -> None:
    assert criterion_of(text, 3) is None


def test_the_window_is_the_longest_duration_that_is_named() -> None:
    criteria = (
        Criterion(text="", line=1),
        Criterion(text="", line=2, must="stay", seconds=60),
        Criterion(text="", line=3, must="stay", seconds=120),
    )

    assert window_of(criteria) == 120
    assert window_of(criteria[:1]) == 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 minutes", 300),
        ("twelve hours", 43200),
        ("1 h 30 min", 5400),
        ("1 hour and 5 s", 3605),
        ("a day", 86400),
        ("5 minutes 10 minutes", None),
        ("5 minutes and 1 hour", None),
        ("5", None),
        ("x", None),
        ("", None),
    ],
)
def test_lengths_of_time(text: str, seconds: int | None) -> None:
    assert seconds_in(text) == seconds


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ("Check if image tag/digest exists in registry", Probe.IMAGE_EXISTS),
        ("Is the tag available in the registry?", Probe.IMAGE_EXISTS),
        ("Verify image name format is correct", Probe.IMAGE_WELL_FORMED),
        ("Check the image reference for typos", Probe.IMAGE_WELL_FORMED),
        ("Verify service account has imagePullSecrets configured", Probe.PULL_SECRETS_CONFIGURED),
        ("imagePullSecrets are set on the service account", Probe.PULL_SECRETS_CONFIGURED),
        ("Check if pull secret exists and is valid", Probe.PULL_SECRET_VALID),
        ("Make sure that the pull secret has not expired", Probe.PULL_SECRET_VALID),
        ("Ask the team", None),
        ("Delete the image if its tag exists", None),
        ("Check the node's disk", None),
    ],
)
def test_a_diagnostic_point_is_a_probe_or_manual(text: str, probe: Probe | None) -> None:
    (step,), said = diagnosed(f"- **Look**\n  - {text}")

    assert [point.probe for point in step.points] == [probe]
    manual = (
        f'rb.md:4: warning: the diagnostic point "{text}" is not understood, so it will be reported as not '
        "done; do it by hand, or leave it [not-diagnosed]"
    )
    assert said == ([] if probe else [manual])


def test_a_query_with_another_verb_is_kept_as_manual_with_a_warning() -> None:
    (step,), said = diagnosed("- **Look**\n  - Query: `kubectl top pod {pod}`")

    assert step.query is None
    assert [(point.text, point.probe) for point in step.points] == [("Query: kubectl top pod {pod}", None)]
    assert said == [
        (
            'rb.md:4: warning: the query will be reported as not done: the verb "top" is not supported yet; '
            f"{LISTED} [not-diagnosed]"
        )
    ]


def test_a_phrase_that_is_not_understood_is_kept_and_the_others_are_looked_for() -> None:
    (step,), said = diagnosed("1. **Look**\n   - Look for: 401 or 403, network trouble, moon phases and missing image")

    assert step.look_for == (Cause.AUTHENTICATION, Cause.NETWORK, Cause.NOT_FOUND)
    assert [point.text for point in step.points] == ["Look for: moon phases"]
    assert said == [
        (
            'rb.md:4: warning: Look for: "moon phases" is not understood, so it will not be looked for; '
            "write authentication failure, image not found, no image for the platform, invalid image name, rate limit, "
            "pull QPS exceeded, disk full, digest mismatch, signature not accepted, network error, DNS failure, proxy "
            "failure, certificate not trusted, plain HTTP from the registry, registry unavailable [not-diagnosed]"
        )
    ]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.OTHER])
def test_every_cause_can_be_looked_for_by_its_name(cause: Cause) -> None:
    (step,), said = diagnosed(f"1. **Look**\n   - Look for: {cause}")

    assert (step.look_for, said) == ((cause,), [])


@pytest.mark.parametrize(
    ("words", "causes"),
    [
        ("rate limits (429)", (Cause.RATE_LIMIT,)),
        ("DNS trouble", (Cause.DNS,)),
        ("untrusted certificates", (Cause.CERTIFICATE,)),
        ("x509: certificate signed by unknown authority", (Cause.CERTIFICATE,)),
        ("a proxy that wants authentication", (Cause.PROXY,)),
        ("HTTP response to HTTPS client", (Cause.PLAIN_HTTP,)),
        ("no space left on device", (Cause.DISK_FULL,)),
        ("digests that do not match", (Cause.DIGEST,)),
        ("image digest not found", (Cause.NOT_FOUND,)),
        ("missing signatures", (Cause.SIGNATURE,)),
        ("wrong architecture", (Cause.PLATFORM,)),
        ("the registry is down", (Cause.REGISTRY_DOWN,)),
        ("503", (Cause.REGISTRY_DOWN,)),
        ("pull QPS", (Cause.PULL_QPS,)),
        ("timeouts, registry unreachable", (Cause.NETWORK,)),
        ("authorization failures", (Cause.AUTHENTICATION,)),
    ],
)
def test_what_to_look_for_in_the_words_of_people(words: str, causes: tuple[Cause, ...]) -> None:
    (step,), said = diagnosed(f"1. **Look**\n   - Look for: {words}")

    assert (step.look_for, said) == (causes, [])


@pytest.mark.parametrize(
    "body",
    [
        "1. **Look**\n   - Query: `kubectl get events -n {namespace}`",
        "1. **Look**\n  - Query: `kubectl get events -n {namespace}`",
        "* **Look:** at this\n  * **Query:** `kubectl get events -n {namespace}`",
        "* Look\n  * Query:\n    ```sh\n    kubectl get events -n {namespace}\n    ```",
        "### Step 1: Look\n\n- Query: `kubectl get events -n {namespace}`",
        "### 1. Look\n\n```sh\nkubectl get events -n {namespace}\n```",
    ],
)
def test_the_layouts_of_a_diagnostic_step_are_one_step(body: str) -> None:
    (step,), said = diagnosed(body)

    assert said == []
    assert (step.name, step.query, step.points) == ("Look", events_query(), ())


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("Node moves from NotReady to Ready", "node.ready && !(!node.ready)"),
        ("The node transitions from `NotReady` to `Ready`.", "node.ready && !(!node.ready)"),
        ("Node returns to Ready", "node.ready"),
        ("The node is Ready again", "node.ready"),
        ("Node condition is `Ready=True`", "node.ready"),
        ("Node status shows Ready=True", "node.ready"),
        ("Node becomes healthy", "node.ready"),
        ("The affected node is schedulable", "node.schedulable"),
        ("Node is Ready and schedulable", "node.ready && node.schedulable"),
        ("Node is no longer cordoned", "!(!node.schedulable)"),
        ("Node is not under DiskPressure", "!(node.disk_pressure)"),
        ("Node is no longer under MemoryPressure", "!(node.memory_pressure)"),
        ("Node is not unschedulable", "!(!node.schedulable)"),
        ("Node has no resource pressure", "!node.under_pressure"),
        ("Node is cordoned", "!node.schedulable"),
        ("Node is not Ready", "!(node.ready)"),
        ("New pods can be scheduled to the node", "node.takes_pods"),
        ("Pods can be scheduled on the node again", "node.takes_pods"),
    ],
)
def test_a_sentence_about_a_node(text: str, expression: str) -> None:
    read = read_sentence(text)

    assert read is not None
    assert (read.expression, read.must) == (expression, "become")
    compiled(read.expression)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Memory usage stays below the limit", "c.usage.memory * 100 < 100 * c.limits.memory"),
        ("The container's memory usage stays under 80 % of its limit", "c.usage.memory * 100 < 80 * c.limits.memory"),
        ("Memory usage is within its request", "c.usage.memory * 100 <= 100 * c.requests.memory"),
        ("CPU usage never exceeds 90% of the CPU limit", "c.usage.cpu * 100 <= 90 * c.limits.cpu"),
        ("CPU utilization stays below 500m", "c.usage.cpu < 500"),
        ("CPU usage stays below 1.5 cores", "c.usage.cpu < 1500"),
        ("Memory consumption of all pods remains under 512 MB", f"c.usage.memory < {512 * 1000**2}"),
        ("RAM usage stays below 1.5GiB", f"c.usage.memory < {1536 * 1024**2}"),
        ("Memory usage remains at most 400Mi", f"c.usage.memory <= {400 * 1024**2}"),
    ],
)
def test_a_sentence_about_what_is_used(text: str, asks: str) -> None:
    expression = expression_of(text)

    assert expression == f"pods.size() > 0 && pods.all(p, p.containers.all(c, c.must_end || {asks}))"
    assert compiled(expression).usage == {"pods"}


@pytest.mark.parametrize(
    "text",
    [
        "Memory usage stays above the limit",
        "Memory usage stays below 80%",
        "Memory usage stays below 500 potatoes",
        "CPU usage stays below 1Gi",
        "Memory usage stays below 1.2.3Mi",
        "Memory usage of the node stays below 80% of its limit",
    ],
)
def test_what_is_used_is_compared_with_what_it_can_be(text: str) -> None:
    assert read_sentence(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Evicted pods have been rescheduled",
        "Workloads moved off the node are Running",
        "The pods that were moved are back to Running",
        "All workloads that were drained are healthy",
        "Drained workloads run again elsewhere",
    ],
)
def test_a_sentence_about_what_was_moved(text: str) -> None:
    assert expression_of(text) == "moved.all(w, w.running)"


@pytest.mark.parametrize("text", ["Node is happy", "Node is CrashLoopBackOff", "Node moves from Ready to NotReady"])
def test_what_no_node_can_be_is_not_understood(text: str) -> None:
    assert read_sentence(text) is None


def test_a_node_that_stays_ready_is_looked_at_in_the_window() -> None:
    read = read_sentence("Node stays Ready for 10 minutes")

    assert read is not None
    assert (read.expression, read.must, read.seconds) == ("node.ready", "stay", 600)
