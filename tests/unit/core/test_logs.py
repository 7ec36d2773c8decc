"""What log lines look like, and that nothing in a record forges a line or a field of one."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from runmend.core.settings import Settings
from runmend.core.telemetry.logs import FORMS, Form, log_to

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_HEAD = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (.*)")
_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
RESERVED = {"time", "level", "logger", "message", "traceback", "within"}
HOSTILE = [
    "a\nb",
    "a\rb",
    "a\x0bb",
    "a\x0cb",
    "a\x1cb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "\x1b[31mred",
    "\u202egnp.exe",
    "\x00",
    "\x9b2J",
    "\ud800",
]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("runmend")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def told(form: Form, tell: Callable[[], object]) -> str:
    """What is written while something logs."""
    stream = io.StringIO()
    log_to(stream, form=form)
    tell()
    return stream.getvalue()


def read_console(line: str) -> tuple[str, str, str, dict[str, Any]]:
    """Level, logger, message and fields: what a reader who knows the format gets out of a line."""
    found = _HEAD.fullmatch(line)
    assert found
    level, rest = _word(found[2])
    logger, rest = _word(rest)
    if rest.startswith('"'):
        message, rest = _value(rest)
    else:
        message, rest = _plain_message(rest)
    fields: dict[str, Any] = {}
    while rest:
        name, rest = _word(rest, "=")
        fields[name], rest = _value(rest)
    return level, logger, message, fields


def _plain_message(rest: str) -> tuple[str, str]:
    """A plain message holds neither a quote nor an equals sign, so it ends before the first field's name."""
    cut = re.search(r' (?:[A-Za-z_][A-Za-z0-9_.:-]*=|")', rest)
    return (rest[: cut.start()], rest[cut.start() + 1 :]) if cut else (rest, "")


def _word(rest: str, end: str = " ") -> tuple[str, str]:
    if rest.startswith('"'):
        text, at = json.JSONDecoder().raw_decode(rest)
        assert rest[at] == end
        return text, rest[at + 1 :]
    text, _, rest = rest.partition(end)
    assert _WORD.fullmatch(text)
    return text, rest


def _value(rest: str) -> tuple[Any, str]:
    value, at = json.JSONDecoder().raw_decode(rest)
    assert rest[at : at + 1] in ("", " ")
    return value, rest[at + 1 :]


# Whatever is logged

anything = st.text(
    st.characters() | st.sampled_from('\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x1b\x9b\u202e\u2066\u200f "\\=')
) | st.sampled_from(HOSTILE)
names = anything.filter(lambda name: name not in _ATTRIBUTES | RESERVED)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | anything,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(anything, inside, max_size=3),
    max_leaves=6,
)
extras = st.dictionaries(names, values, max_size=4)


def written(form: Form, message: str, extra: dict[str, Any], name: str = "runmend.x") -> str:
    record = logging.makeLogRecord({"name": name, "levelno": logging.INFO, "levelname": "INFO", "msg": message} | extra)
    return FORMS[form]().format(record)


@pytest.mark.parametrize("form", get_args(Form))
@given(message=anything, extra=extras, name=anything)
def test_one_record_is_one_line_of_printable_characters(
    form: Form, message: str, extra: dict[str, Any], name: str
) -> None:
    line = written(form, message, extra, name)

    assert line.splitlines() == [line]
    assert line.isprintable()


@given(message=anything, extra=extras, name=anything)
def test_json_reads_back_as_it_was(message: str, extra: dict[str, Any], name: str) -> None:
    read = json.loads(written("json", message, extra, name))

    assert (read.pop("level"), read.pop("logger"), read.pop("message")) == ("INFO", name, message)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", read.pop("time"))
    assert read == extra


@given(message=anything, extra=extras, name=anything)
def test_the_console_form_reads_back_as_it_was(message: str, extra: dict[str, Any], name: str) -> None:
    assert read_console(written("console", message, extra, name)) == ("INFO", name, message, extra)


@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize("name", sorted(RESERVED - {"within", "message"}))
def test_a_field_called_like_one_of_the_lines_own_gets_another_name(form: Form, name: str) -> None:
    line = written(form, "said", {name: "forged"})

    read = json.loads(line) if form == "json" else read_console(line)[3]
    assert read[f"{name}_"] == "forged"
    assert read.get(name) != "forged"


@pytest.mark.parametrize("form", get_args(Form))
def test_what_json_does_not_know_is_told_as_text(form: Form) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd\nthing"

    extra = {"odd": Odd(), "nan": float("nan"), "names": ("a", Odd()), "by": {1: {"x"}}}

    line = written(form, "said", extra)

    read = json.loads(line) if form == "json" else read_console(line)[3]
    assert {name: read[name] for name in extra} == {
        "odd": "odd\nthing",
        "nan": "nan",
        "names": ["a", "odd\nthing"],
        "by": {"1": ["x"]},
    }


# Our own lines, and the libraries'


def test_a_constant_message_stands_as_it_is_before_its_fields() -> None:
    line = written("console", "alert answered", {"answer": "started", "count": 2})

    assert line.endswith(' INFO runmend.x alert answered answer="started" count=2')


def test_a_librarys_message_cannot_pose_as_fields() -> None:
    line = written("console", 'failed target="prod/shop/Deployment/web"', {})

    assert line.endswith(r' runmend.x "failed target=\"prod/shop/Deployment/web\""')


@pytest.mark.parametrize("form", get_args(Form))
def test_an_error_is_told_with_its_kind_and_where_it_was_raised(form: Form) -> None:
    def fail() -> None:
        try:
            Settings().may_change(None)  # type: ignore[arg-type]
        except (TypeError, AttributeError) as error:
            logging.getLogger("runmend.x").exception("failed", exc_info=error)

    line = told(form, fail)

    assert len(line.splitlines()) == 1
    read = json.loads(line) if form == "json" else read_console(line.rstrip("\n"))[3]
    assert re.match(r"(Type|Attribute)Error: ", read["error"])
    assert re.fullmatch(r"runmend\.core\.settings:\d+", read["at"])
    if form == "json":
        assert read["traceback"].startswith("Traceback (most recent call last):\n")


@pytest.mark.parametrize("form", get_args(Form))
def test_a_failure_that_was_foreseen_has_no_traceback(form: Form) -> None:
    failure = ApplicationError("no answer\nfrom 10.0.0.1", type="Unreachable")

    line = told(form, lambda: logging.getLogger("runmend.x").warning("failed", exc_info=failure))

    read = json.loads(line) if form == "json" else read_console(line.rstrip("\n"))[3]
    assert read["error"] == "Unreachable: no answer\nfrom 10.0.0.1"
    assert read.keys() & {"at", "traceback"} == set()


@pytest.mark.parametrize("form", get_args(Form))
def test_every_line_of_an_activity_names_run_target_activity_and_attempt(form: Form) -> None:
    environment = ActivityEnvironment()
    info = environment.info

    def talk() -> None:
        logging.getLogger("runmend.x").info("said", extra={"target": "forged", "n": 1})
        logging.getLogger("library").warning("said too")

    lines = told(form, lambda: environment.run(talk)).splitlines()

    assert len(lines) == 2
    for line in lines:
        read = json.loads(line) if form == "json" else read_console(line)[3]
        assert (read["run"], read["target"]) == (info.workflow_run_id, info.workflow_id)
        assert (read["activity"], read["attempt"]) == (info.activity_type, info.attempt)
    assert "forged" in lines[0]


def test_lines_outside_of_a_run_name_none() -> None:
    line = told("json", lambda: logging.getLogger("runmend.x").info("said"))

    assert json.loads(line).keys() == {"time", "level", "logger", "message"}


def test_a_line_of_the_sdks_core_has_its_fields_and_names_run_and_target() -> None:
    core = SimpleNamespace(
        fields={"run_id": "r-1", "workflow_id": "prod/shop/Deployment/web", "error": "no answer", "level": "forged"}
    )

    line = told(
        "json",
        lambda: logging.getLogger("temporalio.core").warning("failing workflow task", extra={"temporal_log": core}),
    )

    read = json.loads(line)
    assert (read["run"], read["target"], read["error"]) == ("r-1", "prod/shop/Deployment/web", "no answer")
    assert (read["level"], read["level_"]) == ("WARNING", "forged")


def test_libraries_speak_from_warning_on() -> None:
    def talk() -> None:
        logging.getLogger("library").info("unheard")
        logging.getLogger("runmend.x").debug("unheard")

    assert told("console", talk) == ""


def test_the_setting_knows_the_forms_that_there_are() -> None:
    assert set(get_args(Settings.model_fields["log_format"].annotation)) == set(FORMS) == set(get_args(Form))
