"""The runbooks that Runmend ships: within the package where a wheel was installed, else at the top of the checkout."""

from pathlib import Path

import runmend
from runmend.core.errors import PermanentError


class NoRunbooks(PermanentError):
    """The shipped runbooks are missing."""


def shipped_runbooks() -> Path:
    """Their directory.

    Raises:
        NoRunbooks: neither is there.
    """
    package = Path(runmend.__file__).resolve().parent
    for found in (package / "shipped_runbooks", package.parent / "runbooks"):
        if found.is_dir():
            return found
    raise NoRunbooks(f"the shipped runbooks are missing at {package}; install Runmend anew")
