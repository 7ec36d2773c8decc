"""What repeats itself is one line of the log a minute."""

import io
import logging
from collections.abc import Iterator

import pytest

from runmend.core.telemetry import repeats
from runmend.core.telemetry.logs import log_to


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    # Its own name for it, and not the machine's: servers of other tests tell the time by that.
    monkeypatch.setattr(repeats, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("runmend")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    stream = io.StringIO()
    log_to(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_a_trouble_is_one_line_a_minute_which_says_how_often_it_was(clock: list[float], written: io.StringIO) -> None:
    for _ in range(2_000):
        logging.getLogger("asyncio").error("socket.accept() out of system resource")
    assert len(written.getvalue().splitlines()) == 1

    clock[0] += repeats.SECONDS
    logging.getLogger("asyncio").error("socket.accept() out of system resource")

    assert written.getvalue().splitlines()[1].endswith("repeated=1999")


def test_another_field_level_logger_or_error_is_another_trouble_and_no_trouble_is_none(
    clock: list[float], written: io.StringIO
) -> None:
    log = logging.getLogger("runmend.bridge")
    for _ in range(2):
        log.warning("connection ended", extra={"why": "headers"})
        log.warning("connection ended", extra={"why": "body"})
        log.error("connection ended", extra={"why": "body"})
        logging.getLogger("runmend.worker").error("connection ended", extra={"why": "body"})
        for error in (OSError("a"), OSError("b")):
            log.error("failed", exc_info=error)
        log.info("alerts answered")

    lines = [line.partition(" ")[2] for line in written.getvalue().splitlines()]
    assert clock
    assert len(lines) == 8
    assert sum("alerts answered" in line for line in lines) == 2


def test_what_is_remembered_is_bounded(clock: list[float], written: io.StringIO) -> None:
    log = logging.getLogger("runmend.bridge")
    for number in range(2 * repeats.MOST):
        log.warning("webhook refused", extra={"number": number})

    (seldom,) = [each for each in logging.getLogger().handlers[0].filters if isinstance(each, repeats.Seldom)]
    assert len(seldom._said) == repeats.MOST
    assert clock
    assert len(written.getvalue().splitlines()) == 2 * repeats.MOST
