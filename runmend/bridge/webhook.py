"""Alertmanager's webhook, version 4, as values. Tolerant of what is not used, strict with what is.

The body is one value or none; each of its alerts is then read for itself, so that a malformed one does not fail its
group.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from runmend.alerts.alert import Alert

LABELS_MAX: Final = 32_768
GENERATOR_MAX: Final = 2000
_SECRET: Final = re.compile(r"token|secret|passw|api_?key|auth|sig|session", re.IGNORECASE)
"""What a parameter of an address is called that lets somebody in."""
_SHOWN: Final = 80


class BadWebhook(ValueError):
    """The body is not an Alertmanager webhook."""


class Webhook(BaseModel):
    """The body. `alerts` are read one by one with `read_alert`."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    version: Literal["4"]
    alerts: list[Any]
    truncated: Any = Field(default=0, alias="truncatedAlerts")
    """How many alerts Alertmanager's `max_alerts` cut off."""


class WebhookAlert(BaseModel):
    """One alert of a webhook."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, Any] = {}
    starts_at: str = Field(alias="startsAt", min_length=1, max_length=64)
    generator: Any = Field(default="", alias="generatorURL")
    fingerprint: str = Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")

    @field_validator("labels")
    @classmethod
    def _small_enough(cls, labels: dict[str, str]) -> dict[str, str]:
        # They become a run's input, and Temporal refuses an input of more than 2 MB for good.
        size = sum(len(name) + len(value) for name, value in labels.items())
        if size > LABELS_MAX:
            raise ValueError(f"{size} characters, at most {LABELS_MAX}")
        return labels

    @property
    def alert(self) -> Alert:
        """What a run gets of it."""
        return Alert(
            fingerprint=self.fingerprint,
            starts_at=self.starts_at,
            labels=self.labels,
            generator=_address(self.generator),
        )

    @property
    def notes(self) -> dict[str, str]:
        """The annotations that are texts."""
        return {name: text for name, text in self.annotations.items() if isinstance(text, str)}


@dataclass(frozen=True, slots=True)
class Malformed:
    """An alert that cannot be read, with as much of it as can be shown."""

    fingerprint: str
    alertname: str
    why: str


def read_webhook(body: bytes) -> Webhook:
    """Read a webhook's body.

    Raises:
        BadWebhook: it is not JSON, not an object, of another version, or has no list of alerts.
    """
    try:
        return Webhook.model_validate_json(body)
    except ValidationError as error:
        raise BadWebhook(_first(error)) from error


def read_alert(raw: object) -> WebhookAlert | Malformed:
    """Read one alert of a webhook."""
    try:
        return WebhookAlert.model_validate(raw)
    except ValidationError as error:
        fields = raw if isinstance(raw, dict) else {}
        labels = fields.get("labels")
        name = labels.get("alertname") if isinstance(labels, dict) else None
        return Malformed(
            fingerprint=_shown(fields.get("fingerprint")),
            alertname=_shown(name),
            why=f"malformed alert: {_first(error)}",
        )


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
    return f"{where}: {found['msg']}" if where else found["msg"]


def _shown(value: object) -> str:
    return value[:_SHOWN] if isinstance(value, str) else ""
