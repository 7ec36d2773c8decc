"""What an event says on a target, and what it is called."""

import re
from datetime import datetime, timedelta, timezone

import pytest

from runmend.alerts.alert import Target
from runmend.core.names import dns_subdomain
from runmend.reports.target_events import LONGEST_MESSAGE, LONGEST_NAME, Announcement, Author, Fact

WEB = Target(cluster="test", namespace="shop", kind="Deployment", name="web")
AUTHOR = Author(runbook="RB_IMAGEPULL", workflow="test/shop/Deployment/web", run="r-1")
SAYS = " (runbook RB_IMAGEPULL, run test/shop/Deployment/web @ r-1)"
NOW = datetime(2026, 11, 23, 6, 43, 7, 999999, tzinfo=timezone(timedelta(hours=1)))


def told(
    fact: Fact = Fact.CHANGED,
    target: Target = WEB,
    words: str = "changed it",
    author: Author = AUTHOR,
    step: str = "02-patch_image",
) -> Announcement:
    return Announcement(fact, target, "uid-1", words, author, step)


def test_an_event_is_about_its_target_and_says_who_wrote_it_when() -> None:
    assert told(words="changed container app: a:1 → b:2").event(NOW) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": told().name, "namespace": "shop"},
        "involvedObject": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "namespace": "shop",
            "name": "web",
            "uid": "uid-1",
        },
        "type": "Normal",
        "reason": "RemediationApplied",
        "message": f"changed container app: a:1 → b:2{SAYS}",
        "count": 1,
        "firstTimestamp": "2026-11-23T05:43:07Z",
        "lastTimestamp": "2026-11-23T05:43:07Z",
        "source": {"component": "runmend"},
        "reportingComponent": "runmend",
    }


def test_the_same_fact_has_the_same_name_whenever_and_however_it_is_told() -> None:
    assert told().name == told(words="in other words").name
    assert re.fullmatch(r"web\.[0-9a-f]{16}", told().name)
    # As in every release: an event that another one has written must be found again.
    assert told().name == "web.ea2776871d93f9eb"


def test_another_fact_step_run_or_target_has_another_name() -> None:
    others = [
        told(),
        told(fact=Fact.RESOLVED),
        told(fact=Fact.FAILED),
        told(step="03-patch_image"),
        told(author=Author("RB_IMAGEPULL", AUTHOR.workflow, "r-2")),
        told(author=Author("RB_IMAGEPULL", "test/shop/StatefulSet/web", "r-1")),
    ]

    assert len({each.name for each in others}) == len(others)


@pytest.mark.parametrize("name", ["w" * 253, "w" * 235 + "." + "w" * 17, "w" * 234 + "-." + "w" * 17, "a.b-c"])
def test_a_long_target_s_name_is_cut_so_that_the_events_is_a_name(name: str) -> None:
    target = WEB.model_copy(update={"name": name})

    event = told(target=target).name

    assert dns_subdomain(event) == event
    assert len(event) <= LONGEST_NAME
    assert name.startswith(event.rpartition(".")[0])


@pytest.mark.parametrize(
    ("fact", "kind"), [(Fact.CHANGED, "Normal"), (Fact.RESOLVED, "Normal"), (Fact.FAILED, "Warning")]
)
def test_a_failure_is_a_warning(fact: Fact, kind: str) -> None:
    assert told(fact).event(NOW)["type"] == kind


@pytest.mark.parametrize("kind", ["Deployment", "Job", "Pod", "Node", "Rollout"])
def test_the_version_of_a_kind_that_is_not_known_is_left_out(kind: str) -> None:
    involved = told(target=WEB.model_copy(update={"kind": kind})).event(NOW)["involvedObject"]

    assert involved["kind"] == kind
    assert ("apiVersion" in involved) is (kind != "Rollout")


def test_a_message_that_fits_is_whole_and_one_more_byte_cuts_its_words() -> None:
    room = LONGEST_MESSAGE - len(SAYS)

    assert told(words="x" * room).message == "x" * room + SAYS
    assert told(words="x" * (room + 1)).message == "x" * (room - 3) + "…" + SAYS


@pytest.mark.parametrize("start", ["", "x", "xx"])
def test_a_message_is_cut_between_characters_and_keeps_the_run(start: str) -> None:
    message = told(words=start + "→" * 2000).message

    assert LONGEST_MESSAGE - 3 < len(message.encode()) <= LONGEST_MESSAGE
    assert re.fullmatch(re.escape(start) + "→+…" + re.escape(SAYS), message)


def test_a_run_whose_id_alone_is_too_long_is_cut_too() -> None:
    author = Author("RB_IMAGEPULL", "w" * 2000, "r-1")

    assert len(told(author=author).message.encode()) == LONGEST_MESSAGE


def test_a_message_is_one_line_that_no_terminal_obeys() -> None:
    message = told(words="denied:\r\n\x1b[31mWarning\x1b[0m\u2028 \u202efake\x00").message

    assert message == f"denied: [31mWarning [0m fake{SAYS}"
