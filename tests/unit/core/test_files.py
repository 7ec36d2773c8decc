"""Files from outside: what is read of them, and what is refused before it is read."""

import os
import socket
from pathlib import Path

import pytest

from runmend.core.files import check_small, read_small


def test_a_file_is_read_up_to_its_bound_and_no_further(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")

    assert read_small(file, 5)[0] == b"12345"
    check_small(file, 5)
    for look in (read_small, check_small):
        with pytest.raises(OSError, match="it has more than 4 bytes"):
            look(file, 4)


def test_a_file_that_says_it_is_empty_is_bounded_all_the_same() -> None:
    # Files of /proc have no size, and are read all the same.
    with pytest.raises(OSError, match="it has more than 10 bytes"):
        read_small(Path("/proc/self/environ"), 10)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))

        for name in ("pipe", "socket", "."):
            for look in (read_small, check_small):
                with pytest.raises(OSError):
                    look(tmp_path / name, 10)


def test_a_file_that_is_not_there_is_left_to_who_reads_it(tmp_path: Path) -> None:
    check_small(tmp_path / "nowhere", 10)
    check_small(Path("/dev/null"), 10)
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "nowhere", 10)
