"""A trouble that repeats itself is one line of the log a minute, with how often it was since the line before."""

import logging
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Final

SECONDS: Final = 60.0
MOST: Final = 1000
"""How many troubles are remembered; of more, the one whose line is the oldest is forgotten."""
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({})))


@dataclass(slots=True)
class _Said:
    """When a trouble had its last line, and how often it came since."""

    when: float
    since: int = 0


class Seldom(logging.Filter):
    """Lets warnings and errors pass that are not alike one of the last minute: of the same logger, message, fields and
    error. Alerts that are answered alike are such a trouble too; what is below a warning is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: OrderedDict[tuple[object, ...], _Said] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; the field `repeated` says how many alike were not since the last one."""
        if record.levelno < logging.WARNING:
            return True
        now, trouble = monotonic(), _trouble(record)
        said = self._said.get(trouble)
        if said is not None and now - said.when < SECONDS:
            said.since += 1
            return False
        if said is not None and said.since:
            record.repeated = said.since
        self._said[trouble] = _Said(now)
        self._said.move_to_end(trouble)
        if len(self._said) > MOST:
            self._said.popitem(last=False)
        return True


def _trouble(record: logging.LogRecord) -> tuple[object, ...]:
    """What two records have in common that tell of the same."""
    fields = sorted((str(name), str(value)) for name, value in vars(record).items() if name not in _STANDARD)
    error = record.exc_info[1] if record.exc_info else None
    return record.name, record.levelno, record.getMessage(), tuple(fields), type(error), str(error)
