"""Prometheus' API for queries, and what its answers come to. Called by `outside.asking` and by `runmend backtest`."""

import json
import math
import ssl
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

from runmend.core.files import read_small
from runmend.facts.outside import SampleFacts, escaped
from runmend.outside.fetching import MEBIBYTE, Fetcher, NoAnswer, printable

_MOST: Final = MEBIBYTE
_MOST_OF_RANGES: Final = 64 * MEBIBYTE
_MOST_SAMPLES: Final = 1000
_NOT_MATCHED: Final = frozenset({"alertname", "alertstate", "__name__", "uid", "container_id"})
_TOKEN_MOST: Final = 16 * 1024
FIRES: Final = "count(ALERTS{{{alert}}}) or 0 * count(last_over_time(ALERTS{{{alert}}}[1d]))"  # 0 where it is over
"""How many of an alert's series fire: none at all where it has not fired within a day, so that nothing is known."""


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a range: its labels, and when it had a sample, in seconds since 1970."""

    labels: Mapping[str, str]
    times: tuple[float, ...]


class Prometheus:
    """Asks a Prometheus, or what answers as one does.

    Args:
        url: the address before `/api/v1/query`.
        token_file: the file with the bearer token to send; None: none is sent.
        seconds: for an answer.
        tls: whose certificates are trusted. None: those of the public authorities.
    """

    def __init__(
        self, url: str, *, token_file: Path | None = None, seconds: float = 5, tls: ssl.SSLContext | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._fetcher = Fetcher(seconds, _MOST, tls)
        self._ranges = Fetcher(max(seconds, 60), _MOST_OF_RANGES, tls)

    async def value(self, query: str) -> float:
        """The one value that a query gives.

        Raises:
            NoAnswer: it gives none, or several, or nothing can be told.
        """
        samples = await self.samples(query)
        if len(samples) > 1:
            first = "; ".join(sample.in_words for sample in samples[:3])
            raise NoAnswer(f"Prometheus has {len(samples)} samples for it, and one value is asked for: {first}")
        return samples[0].value

    async def samples(self, query: str) -> tuple[SampleFacts, ...]:
        """The samples that a query gives, one at least.

        Raises:
            NoAnswer: it gives none, or nothing can be told.
        """
        samples = await self._samples_of(query)
        if not samples:
            raise NoAnswer("Prometheus has no sample for it")
        if len(samples) > _MOST_SAMPLES:
            raise NoAnswer(f"Prometheus has {len(samples)} samples for it, and {_MOST_SAMPLES} are looked at")
        if unclear := next((sample for sample in samples if math.isnan(sample.value)), None):
            raise NoAnswer(f"the value that Prometheus has for it is no number (NaN): {unclear.in_words}")
        return samples

    async def fires(self, labels: Mapping[str, str], pods: Collection[str] = ()) -> bool:
        """Whether an alert fires.

        Args:
            labels: its own. Prometheus knows nothing of those that were added behind it, so one that a series has not
                is passed over.
            pods: the target's; an alert about one of its pods that is gone may fire of those that took its place.

        Raises:
            NoAnswer: it has not known the alert within a day, or nothing can be told.
        """
        name = labels.get("alertname", "")
        if not name:
            raise NoAnswer("the alert has no alertname")
        try:
            found = await self._samples_of(FIRES.format(alert=matchers_of(labels, pods)))
        except NoAnswer as error:
            raise NoAnswer(f"whether {printable(name)} fires: {error}") from error
        if not found:
            raise NoAnswer(f"Prometheus has not known {printable(name)} firing with these labels within a day")
        return found[0].value > 0

    async def _samples_of(self, query: str) -> tuple[SampleFacts, ...]:
        data = await self._ask(self._fetcher, "query", {"query": query})
        try:
            return tuple(_samples(data))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise NoAnswer("Prometheus answers with what is no vector and no scalar") from error

    async def series(self, query: str, since: datetime, until: datetime, step: timedelta) -> tuple[Series, ...]:
        """The series of a query over a time.

        Raises:
            NoAnswer: nothing can be told.
        """
        asked = {
            "query": query,
            "start": f"{since.timestamp():.0f}",
            "end": f"{until.timestamp():.0f}",
            "step": f"{step.total_seconds():.0f}",
        }
        data = await self._ask(self._ranges, "query_range", asked)
        try:
            return tuple(
                Series(_labels(each["metric"]), tuple(float(time) for time, _ in each["values"]))
                for each in data["result"]
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NoAnswer("Prometheus answers with what is no matrix") from error

    async def _ask(self, fetcher: Fetcher, what: str, asked: Mapping[str, str]) -> Any:  # noqa: ANN401  JSON
        try:
            url = httpx.URL(f"{self._url}/api/v1/{what}").copy_merge_params(asked)
        except httpx.InvalidURL as error:
            raise NoAnswer(f"Prometheus cannot be asked: {error}") from error
        answered = await fetcher.get(url, self._authorization())
        try:
            told = json.loads(answered.body)
            status, data = told["status"], told.get("data")
            said = [printable(str(each)) for each in (told.get("error"), *(told.get("warnings") or ())) if each]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise NoAnswer(f"Prometheus answers {answered.status}, and not as its API does") from error
        if answered.status != HTTPStatus.OK or status != "success":
            raise NoAnswer(f"Prometheus answers {answered.status}: {'; '.join(said) or 'it says nothing more'}")
        if said:
            raise NoAnswer(f"Prometheus warns that its answer is not whole: {'; '.join(said[:3])}")
        return data

    def _authorization(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        try:
            data, _ = read_small(self._token_file, _TOKEN_MOST)
            token = data.decode("ascii").strip()
        except OSError as error:
            raise NoAnswer(f"RUNMEND_PROMETHEUS_TOKEN_FILE cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            token = ""
        if not token or not token.isprintable() or " " in token:
            raise NoAnswer("RUNMEND_PROMETHEUS_TOKEN_FILE holds no token")
        return {"Authorization": f"Bearer {token}"}


def matchers_of(labels: Mapping[str, str], pods: Collection[str] = ()) -> str:
    """What chooses an alert's series while it fires: its name, and of each other label its value, or none. Its pod may
    be any of these, and what is of that one pod alone is passed over.
    """
    name = escaped(labels.get("alertname", ""))
    others = (
        f'{label}=~"{"|".join(escaped(each, regex=True) for each in (value, *(pods if label == "pod" else ())))}|"'
        for label, value in sorted(labels.items())
        if label not in _NOT_MATCHED and value and _is_label(label)
    )
    return ",".join((f'alertname="{name}"', 'alertstate="firing"', *others))


def _is_label(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _samples(data: Any) -> Iterable[SampleFacts]:  # noqa: ANN401  JSON
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        yield SampleFacts(value=float(result[1]))
    elif kind == "vector":
        for each in result:
            yield SampleFacts(labels=_labels(each["metric"]), value=float(each["value"][1]))
    else:
        raise ValueError(kind)


def _labels(metric: Any) -> dict[str, str]:  # noqa: ANN401  JSON
    return {str(name): str(value) for name, value in metric.items()}
