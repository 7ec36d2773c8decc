"""The files of a directory of runbooks: which there are, and their bytes. Nothing here waits for a file, whatever it
is.

Used by `loader`, and by whoever looks for changes.
"""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from runmend.core.errors import PermanentError

FILES_MAX = 10_000
DEPTH_MAX = 32


class UnreadableDirectory(PermanentError):
    """The directory of runbooks cannot be read."""


class NoRegularFile(OSError):
    """It is a pipe, a socket, a device or a directory, and is not opened."""


def read_file(file: Path, most: int) -> bytes:
    """A regular file's first bytes.

    Raises:
        NoRegularFile: it is another kind of file, or leads to one.
        OSError: it is not there, or may not be read.
    """
    _refuse_others(file.stat())  # first: even to open a device can do something
    # It may be another one by now; a pipe that nobody writes to would be waited for.
    opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(opened, "rb") as reader:  # noqa: PTH123  a descriptor has no path
        _refuse_others(os.fstat(opened))
        return reader.read(most)


def _refuse_others(found: os.stat_result) -> None:
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFDIR: "directory"}
    if not stat.S_ISREG(found.st_mode):
        kind = kinds.get(stat.S_IFMT(found.st_mode), "device")
        raise NoRegularFile(0, f"it is a {kind} and no regular file")


def runbook_files(path: Path) -> list[Path]:
    """What should be a runbook in a directory and its subdirectories, sorted by path; also a subdirectory that may not
    be read, because there may be some in it.

    Raises:
        UnreadableDirectory: there is no such directory, it may not be read, or holds too much.
    """
    try:
        found = list(files_under(path))
    except OSError as error:
        raise UnreadableDirectory(f"{path}: {error.strerror or error}") from error
    chosen = [file for file in found if _is_runbook(file) or _may_be_directory(file)]
    return sorted(chosen, key=lambda file: (file.parent, file.name))


def files_under(path: Path) -> Iterator[Path]:
    """The files of a directory and its subdirectories, and those subdirectories that may not be read.

    Links to directories are followed, because a ConfigMap's are such; never into a directory that leads there. What is
    hidden is left out: a ConfigMap's own directories are, which its links lead to.

    Raises:
        OSError: the directory itself is not there, may not be read, or holds too much.
    """
    for number, entry in enumerate(_entries(path)):
        if number >= FILES_MAX:
            raise OSError(0, f"the directory holds more than {FILES_MAX} files and directories")
        if entry is not None:
            yield entry


def _entries(path: Path) -> Iterator[Path | None]:
    """The files, and None for each directory that was gone into. Without recursion: a path can be very long."""
    itself, names = _listed(path)
    waiting = [(frozenset({itself}), iter(names))]
    while waiting:
        above, entries = waiting[-1]
        entry = next(entries, None)
        if entry is None:
            waiting.pop()
        elif entry.name.startswith("."):
            continue
        elif not _may_be_directory(entry):
            yield entry
        else:
            yield None
            try:
                there, names = _listed(entry)
            except OSError:
                yield entry
                continue
            if there not in above and len(waiting) < DEPTH_MAX:
                waiting.append((above | {there}, iter(names)))


def _may_be_directory(path: Path) -> bool:
    """Whether it is one, or nobody can tell: its own directory may not be searched, or its path is too long."""
    try:
        return path.is_dir()
    except OSError:
        return True


def _listed(path: Path) -> tuple[tuple[int, int], list[Path]]:
    found = path.stat()
    return (found.st_dev, found.st_ino), list(islice(path.iterdir(), FILES_MAX + 1))


def _is_runbook(file: Path) -> bool:
    return file.suffix.lower() == ".md" and not _is_plain_readme(file)


def _is_plain_readme(file: Path) -> bool:
    if file.name.lower() != "readme.md":
        return False
    try:
        return not read_file(file, 64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"---")
    except NoRegularFile:
        return False
    except OSError:
        return True
