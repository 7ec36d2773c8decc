"""Reads a history that the `temporal` command, Temporal's Web UI or `WorkflowHistory.to_json` has exported."""

import base64
import codecs
import json
import re
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import ParseError
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from runmend.core.errors import PermanentError
from runmend.runs.compatibility.events import kind_of, named

HOW: Final = "export one with `temporal workflow show -w WORKFLOW_ID -o json`, or the Web UI's Download, Encoded"
_READABLE: Final = ("json/plain", "json/protobuf", "binary/null")
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotAHistory(PermanentError):
    """That is not a history of a run of Runmend."""


def read_exported(path: Path) -> WorkflowHistory:
    """The history in a file, whichever way it was exported.

    Raises:
        NotAHistory: it is none, or not a whole one.
    """
    try:
        text = _text(path.read_bytes())
        told = json.loads(text)
    except UnicodeDecodeError as error:
        raise NotAHistory(f"{path} is not a text file; {HOW}") from error
    except json.JSONDecodeError as error:
        begun = text.lstrip().startswith(("{", "["))
        why = "is cut off" if begun and _is_cut(text, error) else f"is not JSON (line {error.lineno})"
        raise NotAHistory(f"{path} {why}; {HOW}") from error
    except RecursionError as error:
        raise NotAHistory(f"{path} is not a history; {HOW}") from error
    events = told.get("events") if isinstance(told, dict) else told
    if (
        not isinstance(events, list)
        or not events
        or not all(isinstance(event, dict) and "eventId" in event for event in events)
    ):
        raise NotAHistory(f"{path} has no history's events; {HOW}")
    try:
        history = WorkflowHistory.from_json(path.stem, {"events": [_encoded(event) for event in events]})
    except (ParseError, ValueError, TypeError, AttributeError) as error:
        raise NotAHistory(f"{path} is not a history: {str(error).splitlines()[0]:.200}; {HOW}") from error
    _check_whole(str(path), history.events)
    started = history.events[0].workflow_execution_started_event_attributes
    return WorkflowHistory(started.workflow_id or path.stem, history.events)


def _text(raw: bytes) -> str:
    """A file's text; PowerShell's redirection writes UTF-16."""
    return raw.decode("utf-16") if raw.startswith(_UTF_16) else raw.decode("utf-8-sig")


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether a text was JSON up to where it ends: within a string, a word or a number, or where something more was to
    come.
    """
    return error.msg.startswith("Unterminated string") or not re.search(r"[^\w\s.+-]", text[error.pos :])


def _check_whole(name: str, events: Any) -> None:  # noqa: ANN401  a sequence of HistoryEvent
    first: HistoryEvent = events[0]
    if not kind_of(first):
        raise NotAHistory(f"{name} has events of no kind that is known; {HOW}")
    if kind_of(first) != "workflow_execution_started":
        raise NotAHistory(
            f"{name} does not begin with its start: its first event is {first.event_id}, {named(first)}; export "
            "the whole history"
        )
    for number, event in enumerate(events, 1):
        if event.event_id != number:
            raise NotAHistory(
                f"{name} is not whole: after event {number - 1} comes {event.event_id}; export the whole history"
            )


def _encoded(value: Any) -> Any:  # noqa: ANN401  JSON
    """The JSON with payloads as the server keeps them: the Web UI's Human Readable has their texts in place of
    base64.
    """
    if isinstance(value, list):
        return [_encoded(part) for part in value]
    if not isinstance(value, dict):
        return value
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and metadata.get("encoding") in _READABLE:
        encoded: dict[str, Any] = {"metadata": {key: _base64(str(said)) for key, said in metadata.items()}}
        if "data" in value:
            encoded["data"] = _base64(json.dumps(value["data"], ensure_ascii=False, separators=(",", ":")))
        return encoded
    return {key: _encoded(part) for key, part in value.items()}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
