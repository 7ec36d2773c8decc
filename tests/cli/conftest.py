"""`runmend dev` as a process, with a runbook whose window is a second."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.builders import a_runbook
from tests.cli.installation import Installation, children_of, surroundings
from tests.kept import kept


@pytest.fixture(scope="module")
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return kept(request, "dev", lambda: _an_installation(tmp_path_factory.mktemp("dev")))


@contextmanager
def _an_installation(folder: Path) -> Iterator[Installation]:
    runbooks = folder / "runbooks"
    runbooks.mkdir()
    (runbooks / "RB_IMAGEPULL.md").write_text(a_runbook().replace("5 minutes", "1 second"), encoding="utf-8")
    (runbooks / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", "Other"), encoding="utf-8")
    env = surroundings(folder)
    argv = [
        sys.executable,
        "-m",
        "runmend.cli",
        "dev",
        "--port",
        "0",
        "--temporal-port",
        "0",
        "--ui-port",
        "0",
        "--runbooks",
        str(runbooks),
    ]
    log = (folder / "dev.log").open("w+", encoding="utf-8")
    process = subprocess.Popen(
        argv, env=env, cwd=folder, stdout=log, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        said = _said(
            folder / "dev.log", process, r"worker started(.|\n)*bridge listens|bridge listens(.|\n)*worker started"
        )
        exports = re.search(r"export (TEMPORAL_ADDRESS=.*)", said)
        posts = re.search(r"POST (http\S+)/alerts", said)
        assert exports
        assert posts
        more = dict(pair.split("=", 1) for pair in exports[1].split())
        yield Installation(env | more | {"RUNMEND_RUNBOOKS": str(runbooks)}, posts[1], runbooks, process)
        children = children_of(process.pid)
        assert len(children) == 4, "Temporal, cluster, worker, bridge"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, (folder / "dev.log").read_text(encoding="utf-8")
        assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _said(log: Path, process: subprocess.Popen[str], pattern: str) -> str:
    for _ in range(600):
        said = log.read_text(encoding="utf-8")
        if re.search(pattern, said):
            return said
        assert process.poll() is None, said
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))
