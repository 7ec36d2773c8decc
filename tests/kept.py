"""What many tests of a folder share and nobody needs after them: servers and processes that take processor time while
they only wait.

A fixture of pytest's session would keep them until the last test of all, which in a process of `make test` is minutes
later.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
_KEPT: dict[Path, tuple[ExitStack, dict[str, Any]]] = {}


def kept(request: pytest.FixtureRequest, name: str, start: Callable[[], AbstractContextManager[T]]) -> T:
    """What `start` gives, for all tests of the folder of a fixture's module; ended behind the last of them.

    Args:
        request: of a fixture of the scope "module".
        name: of the thing, in its folder.
        start: begins it where there is none.
    """
    stack, things = _KEPT.setdefault(request.path.parent, (ExitStack(), {}))
    if name not in things:
        things[name] = stack.enter_context(start())
    thing: T = things[name]
    return thing


def end_kept(following: pytest.Item | None) -> None:
    """End what the next test, None for none, is not of the folder of."""
    for folder in [folder for folder in _KEPT if following is None or following.path.parent != folder]:
        stack, _ = _KEPT.pop(folder)
        stack.close()
