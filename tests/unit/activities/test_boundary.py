"""An error's kind becomes Temporal's retry decision."""

import dataclasses
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.boundary import REFUSED, count_anew, put_off, translated
from activities.serving import SILENT
from runmend.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotYet,
    RunmendError,
    ServerError,
    Throttled,
    Unreachable,
)
from runmend.kube.answers import error_for

PLAIN, BENIGN = ApplicationErrorCategory.UNSPECIFIED, ApplicationErrorCategory.BENIGN


def translation_of(error: RunmendError) -> ApplicationError:
    with pytest.raises(ApplicationError) as raised, translated():
        raise error
    return raised.value


@pytest.mark.parametrize("kind", [Forbidden, Invalid, NotFound])
def test_what_would_end_the_same_way_is_not_tried_again(kind: type[RunmendError]) -> None:
    error = translation_of(kind("no"))

    assert (error.type, error.message, error.non_retryable, error.category) == (kind.__name__, "no", True, PLAIN)


@pytest.mark.parametrize("kind", [Conflict, ServerError, Unreachable])
def test_what_may_pass_is_tried_again(kind: type[RunmendError]) -> None:
    error = translation_of(kind("later"))

    assert (error.type, error.non_retryable, error.next_retry_delay, error.category) == (
        kind.__name__,
        False,
        None,
        PLAIN,
    )


@pytest.mark.parametrize("kind", [NotYet, Throttled])
def test_waiting_is_no_fault_and_keeps_its_delay(kind: type[NotYet | Throttled]) -> None:
    error = translation_of(kind("wait", delay=timedelta(seconds=7)))

    assert (error.non_retryable, error.next_retry_delay, error.category) == (False, timedelta(seconds=7), BENIGN)


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_the_delay_of_the_next_try(status: int) -> None:
    error = translation_of(error_for(status, None, "7", "GET shop"))

    assert (error.type, error.next_retry_delay, error.category) == ("Throttled", timedelta(seconds=7), BENIGN)


@pytest.mark.parametrize(
    ("said", "delay"),
    [("3600", timedelta(seconds=60)), ("Fri, 31 Dec 1999 23:59:59 GMT", None), ("-1", None), (None, None)],
)
def test_a_retry_after_is_followed_for_a_minute_at_most_and_only_as_seconds(
    said: str | None, delay: timedelta | None
) -> None:
    assert translation_of(error_for(429, None, said, "GET shop")).next_retry_delay == delay


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "Invalid"),
        (401, "Forbidden"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (409, "Conflict"),
        (415, "Invalid"),
        (422, "Invalid"),
        (429, "Throttled"),
        (500, "ServerError"),
        (503, "ServerError"),
        (504, "ServerError"),
    ],
)
def test_a_status_has_its_kind_and_the_servers_words(status: int, kind: str) -> None:
    error = error_for(status, {"message": "because\n  I say so"}, None, "PATCH shop/web")

    assert (type(error).__name__, str(error)) == (kind, f"PATCH shop/web: {status}: because I say so")


NO_READ = 'GET pods shop: 403: pods is forbidden: User "worker" cannot list resource "pods" in API group ""'


class Tries:
    """The tries of one activity, whose heartbeats go from one to the next."""

    def __init__(self) -> None:
        self.environment = ActivityEnvironment()
        self.environment.on_heartbeat = self._beat

    def _beat(self, *details: object) -> None:
        info = self.environment.info
        self.environment.info = dataclasses.replace(info, heartbeat_details=details)

    def next(self, error: RunmendError) -> float | None:
        """After how many seconds there is another try once this one has failed so; None where there is none."""
        failed = self.environment.run(translation_of, error)
        delay = failed.next_retry_delay
        return delay.total_seconds() if delay else None

    def put_off(self, why: str) -> timedelta | None:
        return self.environment.run(put_off, why, SILENT)


def test_a_right_to_read_that_is_missing_is_asked_for_four_times_within_seven_seconds() -> None:
    tries = Tries()
    assert [tries.next(Forbidden(NO_READ)) for _ in range(4)] == [1, 2, 4, None]


def test_refusals_are_counted_while_they_come_one_after_another() -> None:
    tries = Tries()
    assert [tries.next(Forbidden(NO_READ)) for _ in range(3)] == [1, 2, 4]
    tries.environment.run(count_anew, REFUSED)
    assert tries.next(Forbidden(NO_READ)) == 1


def test_a_try_that_is_put_off_for_another_reason_was_let_in_too_and_keeps_its_count() -> None:
    tries = Tries()
    assert tries.next(Forbidden(NO_READ)) == 1
    assert tries.put_off("silent") == timedelta(seconds=5)
    assert tries.next(NotYet("silent")) is None
    assert tries.put_off("silent") == timedelta(seconds=10)
    assert tries.next(Forbidden(NO_READ)) == 1


def test_each_reason_to_put_off_has_a_count_of_its_own() -> None:
    tries = Tries()
    silences = [tries.put_off("silent") for _ in range(3)]
    assert tries.next(Forbidden(NO_READ)) == 1
    silences += [tries.put_off("silent") for _ in range(2)]
    assert [delay and delay.total_seconds() for delay in silences] == [5, 10, 15, 30, None]
    assert sum(SILENT) == 60
