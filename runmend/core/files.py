"""Files from outside that hold settings and secrets: whether they are files at all, and how large they may be."""

import errno
import os
import stat
from pathlib import Path


def read_small(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, and what is known of it; opened without waiting for whoever would write into it.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than `most` bytes.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        _check(path, status, most, regular=True)
        data = file.read(most + 1)
    if len(data) > most:  # it has grown
        raise OSError(errno.EFBIG, f"it has more than {most} bytes", str(path))
    return data, status


def check_small(path: Path, most: int) -> None:
    """Look at a file before a library reads it; one that is not there is left to the library.

    Raises:
        OSError: it cannot be looked at, is a pipe or a socket, or has more than `most` bytes.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    _check(path, status, most, regular=False)


def _check(path: Path, status: os.stat_result, most: int, *, regular: bool) -> None:
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (regular and not stat.S_ISREG(mode)):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if status.st_size > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes", str(path))
