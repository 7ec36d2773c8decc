"""Files that people have exported, and such as are none."""

import base64
import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runmend.runs.compatibility import NotAHistory, fit, read_exported
from tests.histories import stored

EXPORTED = Path(__file__).parent / "exported"
Json = dict[str, Any]


@pytest.fixture
def told() -> Json:
    """A recorded history's JSON."""
    read: Json = json.loads(stored.newest("failed-at-a-precondition").read_text(encoding="utf-8"))
    return read


def saved(folder: Path, told: object) -> Path:
    file = folder / "history.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["web-ui-encoded", "web-ui-human-readable"])
async def test_what_the_web_ui_downloads_replays(name: str) -> None:
    """Both are of one run, downloaded with Chromium from the Web UI 2.54.1; its third choice, Decoded, gave the bytes
    of Encoded."""
    found = await fit(read_exported(EXPORTED / f"{name}.json"))

    assert (found.problem, found.events, found.ended) == (None, 31, "PreconditionFailed")
    assert found.workflow_id == "failed-at-a-precondition/shop/Deployment/web"


async def test_a_list_of_events_alone_a_byte_order_mark_and_powershells_utf_16_are_read(
    told: Json, tmp_path: Path
) -> None:
    text = json.dumps(told["events"])
    for number, raw in enumerate((codecs.BOM_UTF8 + text.encode(), codecs.BOM_UTF16_LE + text.encode("utf-16-le"))):
        file = tmp_path / f"{number}.json"
        file.write_bytes(raw)
        assert (await fit(read_exported(file))).problem is None


@pytest.mark.parametrize(
    "kind", ["failed-at-a-precondition", "cancelled-between-two-tries-of-its-write", "reset-to-settle"]
)
async def test_a_history_that_ends_early_replays_as_far_as_it_goes(tmp_path: Path, kind: str) -> None:
    events = json.loads(stored.newest(kind).read_text(encoding="utf-8"))["events"]
    for length in range(2, len(events)):
        found = await fit(read_exported(saved(tmp_path, events[:length])))
        assert (found.problem, found.ended, found.events) == (None, "", length)


async def test_a_history_of_a_start_alone_has_nothing_to_replay(told: Json, tmp_path: Path) -> None:
    with pytest.raises(NotAHistory, match="has nothing but its start"):
        await fit(read_exported(saved(tmp_path, told["events"][:1])))


def test_a_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    text = stored.newest("resolved").read_text(encoding="utf-8")
    file = tmp_path / "cut.json"
    for length in (1, 20, 27, *range(100, len(text) - 3, 997), len(text) - 3):
        file.write_text(text[:length], encoding="utf-8")
        with pytest.raises(
            NotAHistory, match=r"cut\.json is cut off; export one with `temporal workflow show -w WORKFLOW_ID -o json`"
        ):
            read_exported(file)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", r"is not JSON \(line 1\)"),
        (b"Progress:\n  ID  Time\n", r"is not JSON \(line 1\)"),
        (b'{"eventId": "1"}\n{"eventId": "2"}\n', r"is not JSON \(line 2\)"),
        (b"\x89PNG\r\n\x1a\n", "is not a text file"),
        (b"null", "has no history's events"),
        (b"{}", "has no history's events"),
        (b'{"events": []}', "has no history's events"),
        (b'{"events": [1]}', "has no history's events"),
        (b'{"events": [{"eventId": "one"}]}', "is not a history: "),
        (b'{"events": [{"eventId": "1", "eventType": "Nonsense"}]}', "has events of no kind that is known"),
        (b"[" * 100_000, "is not a history"),
    ],
)
def test_what_is_no_history_says_so_in_one_line(tmp_path: Path, raw: bytes, says: str) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(raw)

    with pytest.raises(NotAHistory, match=rf"file\.json {says}.*; export one with") as refused:
        read_exported(file)
    assert "\n" not in str(refused.value)


def test_a_history_without_its_start_says_where_it_begins(told: Json, tmp_path: Path) -> None:
    with pytest.raises(
        NotAHistory,
        match="does not begin with its start: its first event is 6, ActivityTaskScheduled; export the whole",
    ):
        read_exported(saved(tmp_path, told["events"][5:]))


def test_a_history_with_a_gap_says_where(told: Json, tmp_path: Path) -> None:
    del told["events"][8:10]

    with pytest.raises(NotAHistory, match="is not whole: after event 8 comes 11; export the whole history"):
        read_exported(saved(tmp_path, told))


def foreign(started: Json) -> None:
    started["input"]["payloads"][0]["data"] = base64.b64encode(b'{"name": "Ada"}').decode()


def of_text(started: Json) -> None:
    started["input"]["payloads"][0]["data"] = base64.b64encode(b'"Ada"').decode()


def without_input(started: Json) -> None:
    del started["input"]


def unreadable(started: Json) -> None:
    started["input"]["payloads"][0]["data"] = base64.b64encode(b"{").decode()


def encrypted(started: Json) -> None:
    started["input"]["payloads"][0]["metadata"]["encoding"] = base64.b64encode(b"binary/encrypted").decode()


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (foreign, "is not a run of Runmend$"),
        (of_text, "is not a run of Runmend$"),
        (without_input, "is not a run of Runmend: it has no input$"),
        (unreadable, "is not a run of Runmend: its input cannot be read$"),
        (encrypted, r"or its input is encoded \(binary/encrypted\); download it as Decoded from the Web UI$"),
    ],
)
async def test_a_history_of_a_foreign_workflow_is_refused_by_its_type(
    told: Json, tmp_path: Path, edit: Callable[[Json], None], says: str
) -> None:
    started = told["events"][0]["workflowExecutionStartedEventAttributes"]
    started["workflowType"]["name"] = "Greeting"
    edit(started)
    history = read_exported(saved(tmp_path, told))

    with pytest.raises(
        NotAHistory, match=rf"^a workflow of type Greeting \(failed-at-a-precondition/shop/Deployment/web\).*{says}"
    ):
        await fit(history)
