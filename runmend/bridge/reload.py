"""Keeps the runbooks as their directory has them. Runs as long as the app does, in its lifespan."""

import asyncio
import logging
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import watchfiles

from runmend.bridge.background import Aside, Busy, cause
from runmend.bridge.metrics import Metrics
from runmend.core.errors import RunmendError
from runmend.runbook.files import files_under
from runmend.runbook.isolated import Stopped
from runmend.runbook.loader import Catalog

DEBOUNCE_MS: Final = 300
LOOK_AGAIN_SECONDS: Final = 5
LOOK_SECONDS: Final = 15.0
"""For how long the files are waited for when they are looked at."""
RELOAD_SECONDS: Final = 120.0
"""For how long a reload is waited for: its files and their compilations have limits of their own."""

_SILENT: Final = "its file system does not answer"
_log = logging.getLogger(__name__)


class Reload:
    """Compiles the directory anew when something in it changes."""

    def __init__(self, catalog: Catalog, directory: Path, metrics: Metrics) -> None:
        self._catalog = catalog
        self._directory = directory
        self._metrics = metrics
        self._looking, self._reloading = Aside[_Seen](), Aside[None]()
        self._said: object = None
        self._trouble: str | None = None
        self.stale: str | None = None
        """Why what is loaded may be older than the directory; None where it is not."""
        metrics.watch_runbooks(lambda: len(catalog.plans), lambda: len(catalog.problems))

    async def watch(self, stop: asyncio.Event) -> None:
        """Watch until `stop`. Where that cannot be done (no such directory, no inotify watches left), look every 5 s
        instead.
        """
        self._report()
        while not stop.is_set():
            try:
                await self._until_replaced(stop)
            except (TimeoutError, Busy):
                self._warn("runbook directory cannot be watched", _SILENT)
            except (OSError, RuntimeError, ExceptionGroup) as error:
                # watchfiles raises in a group what it finds in its thread, such as a name that is not UTF-8.
                if not isinstance(why := cause(error), OSError | RuntimeError):
                    raise
                self._warn("runbook directory cannot be watched", str(why))
            with anyio.move_on_after(LOOK_AGAIN_SECONDS):
                await stop.wait()
            if not stop.is_set():
                await self.reload()

    async def reload(self) -> None:
        """Compile the directory anew; what does not compile, or cannot be read, leaves its last good version in
        place.
        """
        try:
            await self._reloading.do(self._catalog.reload, RELOAD_SECONDS)
        except Stopped:
            return
        except (TimeoutError, Busy):
            self._keep(_SILENT)
            return
        except RunmendError as error:
            self._keep(str(error))
            return
        self.stale = None
        self._metrics.reloaded()
        self._report()

    async def _until_replaced(self, stop: asyncio.Event) -> None:
        """Reload on every change, until the directory is another one: a watch holds on to the one that it began with.

        Every 5 s the files are looked at too: what changed before the watch had begun, or on a mount that reports
        nothing, shows so.
        """
        began_with, compiled = await self._look(), None
        changes = watchfiles.awatch(
            self._directory,
            stop_event=stop,
            debounce=DEBOUNCE_MS,
            rust_timeout=LOOK_AGAIN_SECONDS * 1000,
            yield_on_timeout=True,
        )
        async with aclosing(changes):
            async for changed in changes:
                seen = await self._look()
                if changed or seen != compiled:
                    compiled = seen
                    await self.reload()
                if seen.directory != began_with.directory:
                    return

    def stop(self) -> None:
        """End a reload that is under way; none comes after it."""
        self._catalog.stop()

    async def _look(self) -> "_Seen":
        return await self._looking.do(partial(_look, self._directory), LOOK_SECONDS)

    def _report(self) -> None:
        """Log what is loaded, and what is wrong with the rest: file, line, and what to do. Once, until it changes."""
        problems = {file: str(problem) for file, problem in self._catalog.problems.items()}
        said = ({plan.runbook_id: plan.sha256 for plan in self._catalog.plans.values()}, problems)
        if said == self._said:
            return
        self._said, self._trouble = said, None
        _log.info("runbooks loaded", extra={"directory": str(self._directory), "runbooks": sorted(self._catalog.plans)})
        for file, problem in problems.items():
            _log.error(
                "runbook does not compile; its last good version stays, if there is one",
                extra={"file": file, "problem": problem},
            )

    def _keep(self, why: str) -> None:
        """Say that what was loaded before stays."""
        self.stale = why
        self._warn("runbooks were not reloaded", why)

    def _warn(self, message: str, error: str) -> None:
        if error != self._trouble:
            self._trouble = error
            _log.warning(message, extra={"directory": str(self._directory), "error": error})


@dataclass(frozen=True, slots=True)
class _Seen:
    """Which directory it is, and what its files look like from outside."""

    directory: tuple[int, int]
    files: frozenset[tuple[str, int, int, int]]


def _look(directory: Path) -> _Seen:
    """Look at a directory and its subdirectories; links are followed, because a ConfigMap's files are links.

    Raises:
        OSError: there is no such directory.
    """
    itself = directory.stat()
    files = set()
    for entry in files_under(directory):
        with suppress(OSError):  # it went away meanwhile, or leads nowhere
            found = entry.stat()
            files.add((str(entry), found.st_ino, found.st_mtime_ns, found.st_size))
    return _Seen((itself.st_dev, itself.st_ino), frozenset(files))
