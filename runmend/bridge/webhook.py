"""Alertmanager's webhook, and what looks like one, as values. Tolerant of what is not used, strict with what is.

Grafana posts the same body with `"version": "1"`; Prometheus and vmalert post what Alertmanager's API takes, a list of
alerts without a status. The body is read slice by slice as it arrives, whatever is in it: each alert for itself, so
that a malformed one does not fail its group, and nothing is kept but what is needed of it.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import ijson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from runmend.alerts.alert import Alert, fingerprint_of, in_utc, is_a_time
from runmend.alerts.labels import Subject, subject_of

BODY_MAX: Final = 16 * 1024 * 1024
"""The most bytes of a body."""
ALERTS_MAX: Final = 12_000
"""The most alerts of a webhook that can be read; a malformed one costs nothing."""
KEPT_MAX: Final = 30 * 1024 * 1024
"""The most bytes that the labels of a webhook's alerts may take in memory, all together."""
LABELS_MAX: Final = 32_768
GENERATOR_MAX: Final = 2000
SLICE: Final = 8192
"""How many bytes of a body are read at a time; whatever they hold, that takes a few milliseconds."""
_SECRET: Final = re.compile(r"token|secret|passw|api_?key|auth|sig|session", re.IGNORECASE)
"""What a parameter of an address is called that lets somebody in."""
_ENTRY: Final = 50
"""How many bytes a label takes besides its value, as one of many in a dict."""
_TEXTS_MAX: Final = 10_000
"""How many values are remembered, so that those that are alike are kept once."""
_SHOWN: Final = 80
_OF_NUMBERS: Final = b"0123456789+-.eE"
_TOO_LONG: Final = f"more than {LABELS_MAX} characters"
_KEPT: Final = frozenset({"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"})
_NOTES: Final = frozenset({"runbook_id"})
"""The annotations that are looked at."""
_NEVER: Final = "0001-01-01T00:00:00Z"
"""What an `endsAt` says that is not known."""


class BadWebhook(ValueError):
    """The body is not an Alertmanager webhook."""


class MalformedAlert(ValueError):
    """An alert of a webhook cannot be read."""


class TooLarge(ValueError):
    """The body is a webhook, and holds more than can be taken; nothing of it was."""


class WebhookAlert(BaseModel):
    """One alert of a webhook."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, Any] | None = None
    starts_at: str = Field(alias="startsAt", max_length=64)
    generator: Any = Field(default="", alias="generatorURL")
    fingerprint: str = Field(default="", pattern=r"^[0-9A-Za-z_-]{0,64}$")

    @field_validator("fingerprint", mode="before")
    @classmethod
    def _or_none(cls, given: object) -> object:
        return "" if given is None else given

    @field_validator("starts_at")
    @classmethod
    def _a_time(cls, given: str) -> str:
        # Each is an episode of its own, which a run remembers: any text would make as many as somebody likes to write.
        if not is_a_time(given):
            raise ValueError("expected a time such as 2026-11-22T13:31:12Z (RFC 3339)")
        return given

    @field_validator("labels")
    @classmethod
    def _small_enough(cls, labels: dict[str, str]) -> dict[str, str]:
        # They become a run's input, and Temporal refuses an input of more than 2 MB for good.
        if sum(len(name) + len(value) for name, value in labels.items()) > LABELS_MAX:
            raise ValueError(_TOO_LONG)
        return labels

    @cached_property
    def subject(self) -> Subject:
        """What its labels speak of."""
        return subject_of(self.labels)

    @cached_property
    def alert(self) -> Alert:
        """What a run gets of it: the labels are those of its subject.

        An alert that has no fingerprint gets the one that Alertmanager would give it, so that a redelivery is
        recognised.
        """
        # What is validated already is not copied once more: there may be thousands.
        return Alert.model_construct(
            fingerprint=self.fingerprint or fingerprint_of(self.labels),
            starts_at=in_utc(self.starts_at),
            labels=self.subject.labels,
            generator=_address(self.generator),
        )

    @property
    def notes(self) -> dict[str, str]:
        """The annotations that are texts."""
        return {name: text for name, text in (self.annotations or {}).items() if isinstance(text, str)}


@dataclass(frozen=True, slots=True)
class Malformed:
    """Alerts that cannot be read: the first of them, with as much of it as can be shown, and how many there are."""

    fingerprint: str
    alertname: str
    why: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Webhook:
    """What a body holds."""

    alerts: tuple[WebhookAlert, ...]
    malformed: Malformed | None
    truncated: str
    """How many alerts Alertmanager's `max_alerts` cut off; empty for none."""


class WebhookReader:
    """Reads a body as it arrives. `feed` it slices of at most `SLICE` bytes, then `close`."""

    def __init__(self) -> None:
        self._events: Any = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events)
        self._size = 0
        self._alerts: list[WebhookAlert] = []
        self._malformed: Malformed | None = None
        self._missed = 0
        self._kept = 0
        self._texts: dict[str, str] = {}
        self._truncated: object = None
        self._has_alerts = False
        self._depth = 0
        self._key = ""
        self._alerts_at = 0
        """The depth of the list of alerts while it is read, else 0."""
        self._alert: dict[str, Any] | None = None
        self._labels: dict[str, Any] | None = None
        self._length = 0

    def feed(self, data: bytes) -> None:
        """Read the next bytes.

        Raises:
            BadWebhook: they are not JSON, or the body is neither an object nor a list.
            TooLarge: more has come than can be taken.
        """
        self._size += len(data)
        if self._size > BODY_MAX:
            raise TooLarge(f"the body has more than {BODY_MAX} bytes")
        if len(data) >= SLICE and not data.strip(_OF_NUMBERS):
            raise BadWebhook(f"it has a number of more than {SLICE} digits")
        try:
            self._parser.send(data)
        except StopIteration as error:
            raise BadWebhook("something follows the end of the body") from error
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise BadWebhook("it is not JSON") from error
        except (ArithmeticError, SystemError) as error:
            # Of numbers that no Decimal and no int is made of; ijson's C code raises the second kind for them.
            raise BadWebhook("it has a number of thousands of digits, or an exponent of more than 18 digits") from error
        for event, value in self._events:
            self._take(event, value)
        del self._events[:]

    def close(self) -> Webhook:
        """What was read.

        Raises:
            BadWebhook: the body ends too early, or has no list of alerts.
        """
        try:
            self._parser.close()
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise BadWebhook("it is not JSON, or ends too early") from error
        if not self._has_alerts:
            raise BadWebhook("it has no list `alerts`")
        cut = "" if self._truncated in (None, 0) else str(self._truncated)[:_SHOWN]
        malformed = replace(self._malformed, count=self._missed) if self._malformed else None
        return Webhook(tuple(self._alerts), malformed, cut)

    def _take(self, event: str, value: Any) -> None:  # noqa: ANN401  what JSON holds
        """The next event: the begin or end of a list or a map, the key of a map, or a value."""
        if event == "map_key":
            self._key = value
        elif event in ("start_map", "start_array"):
            self._begin(event)
            self._depth += 1
        elif event in ("end_map", "end_array"):
            self._depth -= 1
            self._end()
        else:
            self._value(value)

    def _begin(self, event: str) -> None:
        inside = self._depth - self._alerts_at if self._alerts_at else -1
        if self._alert is not None and inside == 1 and self._key in _KEPT:
            self._alert[self._key] = {} if event == "start_map" else []
            if self._key in ("labels", "annotations") and event == "start_map":
                self._labels = self._alert[self._key]
        elif self._labels is not None and inside == 2:  # noqa: PLR2004  a map's value
            self._keep(self._labels, [])
        elif inside == 0:
            if event == "start_map":
                self._alert, self._length = {}, 0
            else:
                self._miss("it is not an object")
        elif event == "start_array" and (self._depth == 0 or (self._depth == 1 and self._key == "alerts")):
            if self._has_alerts:
                raise BadWebhook("it has `alerts` twice")
            self._alerts_at, self._has_alerts = self._depth + 1, True

    def _end(self) -> None:
        if not self._alerts_at:
            return
        if self._depth == self._alerts_at - 1:
            self._alerts_at = 0
        elif self._depth == self._alerts_at and self._alert is not None:
            alert, self._alert, self._labels = self._alert, None, None
            try:
                self._alerts.append(read_alert(alert, too_long=self._length > LABELS_MAX))
            except MalformedAlert as error:
                self._miss(str(error), alert)
            if len(self._alerts) > ALERTS_MAX:
                raise TooLarge(f"it holds more than {ALERTS_MAX} alerts")
        elif self._depth == self._alerts_at + 1:
            self._labels = None

    def _value(self, value: Any) -> None:  # noqa: ANN401  what JSON holds
        inside = self._depth - self._alerts_at if self._alerts_at else -1
        if inside == 0:
            self._miss("it is not an object")
        elif self._alert is not None and inside == 1:
            if self._key in _KEPT:
                self._alert[self._key] = value
        elif self._labels is not None and inside == 2:  # noqa: PLR2004  a map's value
            self._keep(self._labels, value)
        elif self._depth == 1 and self._key == "truncatedAlerts":
            self._truncated = value
        elif self._depth == 0:
            raise BadWebhook("it is neither an object nor a list")

    def _keep(self, labels: dict[str, Any], value: Any) -> None:  # noqa: ANN401  what JSON holds
        """A label, or an annotation that is looked at. What is too large is not kept, and refused by `read_alert`."""
        if self._alert is not None and labels is self._alert.get("annotations") and self._key not in _NOTES:
            return
        if isinstance(value, str):
            self._length += len(self._key) + len(value)
        if self._length > LABELS_MAX:
            labels.clear()
            return
        kept = self._texts.get(value) if isinstance(value, str) else None
        self._kept += _ENTRY + (0 if kept is not None else sys.getsizeof(value))
        if self._kept > KEPT_MAX:
            raise TooLarge(f"the labels of its alerts take more than {KEPT_MAX} bytes")
        if kept is None and isinstance(value, str) and len(self._texts) < _TEXTS_MAX:
            self._texts[value] = value
        value = value if kept is None else kept
        labels[sys.intern(self._key)] = value

    def _miss(self, why: str, fields: dict[str, Any] | None = None) -> None:
        """Count an alert that cannot be read; the first says why."""
        self._missed += 1
        if self._malformed is None:
            self._malformed = _malformed(fields or {}, why)


def slices(data: bytes) -> Iterator[bytes]:
    """Bytes in slices that take no time to read."""
    for begin in range(0, len(data), SLICE):
        yield data[begin : begin + SLICE]


def read_alert(raw: object, *, too_long: bool = False) -> WebhookAlert:
    """Read one alert of a webhook. `too_long`: its labels were, and were not kept.

    Raises:
        MalformedAlert: it cannot be read.
    """
    if too_long:
        raise MalformedAlert(f"labels: {_TOO_LONG}")
    if isinstance(raw, dict) and (missing := next((name for name in ("labels", "startsAt") if name not in raw), "")):
        # For the many that there may be: to validate them takes ten times as long.
        raise MalformedAlert(f"it has no {missing}")
    try:
        return WebhookAlert.model_validate(_with_status(raw) if isinstance(raw, dict) else raw)
    except ValidationError as error:
        raise MalformedAlert(_first(error)) from error


def _malformed(fields: dict[str, Any], why: str) -> Malformed:
    labels = fields.get("labels")
    name = labels.get("alertname") if isinstance(labels, dict) else None
    return Malformed(_shown(fields.get("fingerprint")), _shown(name), f"malformed alert: {why}")


def _with_status(fields: dict[str, Any]) -> dict[str, Any]:
    """An alert with a status, as Alertmanager tells it where a sender does not: by whether its end has come."""
    if fields.get("status") is not None:
        return fields
    return fields | {"status": "resolved" if _has_come(fields.get("endsAt")) else "firing"}


def _has_come(time: object) -> bool:
    """Whether an alert's end has come, by this machine's clock: senders name an end for alerts that fire, too."""
    if not isinstance(time, str) or time in ("", _NEVER):
        return False
    try:
        read = datetime.fromisoformat(time)
    except ValueError:
        return False
    return read.tzinfo is not None and read <= datetime.now(UTC)


def _address(value: object) -> str:
    """An http(s) address without what may be secret in it: a user's name and password, parameters named so, the
    fragment.

    Empty where it is none.
    """
    try:
        parts = urlsplit(value) if isinstance(value, str) and len(value) <= GENERATOR_MAX else None
    except ValueError:
        return ""
    if parts is None or parts.scheme not in ("http", "https"):
        return ""
    query = "&".join(each for each in parts.query.split("&") if not _SECRET.search(each.partition("=")[0]))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment="").geturl()


def _first(error: ValidationError) -> str:
    """The first thing that is wrong; without the input, which may be megabytes of somebody else's text."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(_shown(str(part)) for part in found["loc"])
    says = found["msg"].removeprefix("Value error, ")
    return f"{where}: {says}" if where else says


def _shown(value: object) -> str:
    return value[:_SHOWN] if isinstance(value, str) else ""
