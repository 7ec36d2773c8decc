"""Logs: constant messages with key-values.

One record is one line, whatever is in it, and a line of a run names run and target.
"""

import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, TextIO

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from runmend.core.telemetry.repeats import Seldom

Form = Literal["console", "json"]

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_TEMPORALS: Final = frozenset({"temporal_activity", "temporal_workflow", "temporal_log", "__temporal_error_identifier"})
"""What Temporal's SDK adds to its records: what is worth it is told under names of ours."""
_HEAD: Final = ("time", "level", "logger", "message")
_OURS: Final = ("runmend.", "activities.", "workflows.")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_NESTED_MOST: Final = 8


class _Within(logging.Filter):
    """Notes the run, target, activity and attempt that a record was made in, whoever made it.

    It lets every record pass.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.within = _within(record)
        return True


def _within(record: logging.LogRecord) -> dict[str, Any]:
    if activity.in_activity():
        here = activity.info()
        return {
            "run": here.workflow_run_id,
            "target": here.workflow_id,
            "activity": here.activity_type,
            "attempt": here.attempt,
        }
    if workflow.in_workflow():
        run = workflow.info()
        return {"run": run.run_id, "target": run.workflow_id}
    # The SDK tells of a failed workflow task from outside of it, and its core of what it was asked for a run.
    told = vars(record).get("temporal_workflow", _of_core(record))
    named = (("run", "run_id"), ("target", "workflow_id"))
    return {ours: told[theirs] for ours, theirs in named if told.get(theirs)} if isinstance(told, Mapping) else {}


class Console(logging.Formatter):
    """`2026-11-23T10:00:00Z INFO runmend.bridge alert answered answer="started"`: values are JSON, so is a message that
    is not plain.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        head = (_when(record, "seconds"), _word(record.levelname), _word(record.name), _sentence(record.getMessage()))
        return " ".join((*head, *(f"{_word(name)}={_json(value)}" for name, value in _fields(record).items())))


class Json(logging.Formatter):
    """An object with `time`, `level`, `logger`, `message` and the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line. An error that nobody foresaw has its `traceback`."""
        head = (_when(record, "milliseconds"), record.levelname, record.name, record.getMessage())
        told = dict(zip(_HEAD, head, strict=True)) | _fields(record)
        error = _unforeseen(record)
        return _json(told | {"traceback": "".join(traceback.format_exception(error))} if error else told)


FORMS: Final[Mapping[Form, type[logging.Formatter]]] = {"console": Console, "json": Json}


def log_to(stream: TextIO | None = None, level: int = logging.INFO, form: Form = "console") -> None:
    """Send the process's logs to a stream, stderr where it is None; libraries speak only from WARNING on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(FORMS[form]())
    handler.addFilter(_Within())
    handler.addFilter(Seldom())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("runmend").setLevel(level)
    # What they append to each message is in the fields.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The record's own fields, then where it was made.

    A field of its own that is called like one of ours gets another name.
    """
    within = vars(record).get("within", {})
    error = dict(_error(record))
    taken = {*_HEAD, "traceback", *within, *error}
    fields: dict[str, Any] = {}
    for given, value in _given(record):
        name = str(given)
        while name in taken:
            name += "_"
        taken.add(name)
        fields[name] = value
    return {name: _plain(value) for name, value in (fields | error | within).items()}


def _given(record: logging.LogRecord) -> Iterator[tuple[object, object]]:
    """What the record's maker added to it, and what the SDK's core did."""
    skipped = _STANDARD | _TEMPORALS | {"within"}
    yield from ((name, value) for name, value in vars(record).items() if name not in skipped)
    yield from _of_core(record).items()


def _of_core(record: logging.LogRecord) -> Mapping[str, Any]:
    """The fields of a record of the SDK's core."""
    told = getattr(vars(record).get("temporal_log"), "fields", None)
    return told if isinstance(told, Mapping) else {}


def _error(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    """The record's exception: its kind and message, and where in our code it was raised, unless that was foreseen."""
    if record.exc_info and (error := record.exc_info[1]) is not None:
        # An activity's failure is one of our errors under its own name.
        yield "error", str(error) if isinstance(error, ApplicationError) else f"{type(error).__name__}: {error}"
    if unforeseen := _unforeseen(record):
        yield "at", _place(unforeseen.__traceback__)


def _unforeseen(record: logging.LogRecord) -> BaseException | None:
    error = record.exc_info[1] if record.exc_info else None
    return None if isinstance(error, ApplicationError) else error


def _place(trace: TracebackType | None) -> str:
    """`runmend.bridge.app:88`: the innermost line that is ours, else the innermost."""
    places = [(frame.f_globals.get("__name__", "?"), line) for frame, line in traceback.walk_tb(trace)]
    ours = [place for place in places if place[0].startswith(_OURS)] or places or [("?", 0)]
    return f"{ours[-1][0]}:{ours[-1][1]}"


# How values are written


def _when(record: logging.LogRecord, precision: str) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else _json(text)


def _sentence(message: str) -> str:
    """A message as it is, where no field can be read out of it."""
    return message if message.isprintable() and message.strip() and not set(message) & set('="\\') else _json(message)


def _json(value: object) -> str:
    """JSON in one line, of which a terminal shows every character: line ends of any kind, controls and bidi overrides
    are escaped.
    """
    text = json.dumps(value, ensure_ascii=False)
    return (
        text if text.isprintable() else "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    )


def _plain(value: object, depth: int = 0) -> object:
    """A value as JSON knows values; text of what it does not know."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth < _NESTED_MOST and isinstance(value, Mapping):
        return {str(name): _plain(each, depth + 1) for name, each in value.items()}
    if depth < _NESTED_MOST and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each, depth + 1) for each in value]
    return str(value)
