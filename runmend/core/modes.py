"""What a run may do by itself. Said by the installation, by a runbook and by a run; the strictest wins."""

from enum import StrEnum


class Mode(StrEnum):
    """What a run may do by itself."""

    RECOMMEND = "recommend"
    AUTO = "auto"


def strictest(*modes: Mode | None) -> Mode:
    """The strictest of the modes that are named; `auto` where none is."""
    return Mode.RECOMMEND if Mode.RECOMMEND in modes else Mode.AUTO
