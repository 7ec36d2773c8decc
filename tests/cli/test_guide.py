"""docs/runbooks.md, the guide for a first runbook: what it says to type is typed."""

import re
import shlex
import time
from pathlib import Path

import pytest

from tests.cli.installation import Installation, runmend

pytestmark = pytest.mark.slow

GUIDE = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text(encoding="utf-8")
RUNBOOK = re.search(r"^```markdown\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
TYPED = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE) for line in block.splitlines()
]


def test_the_guide_is_short_and_types_these_commands() -> None:
    assert len(GUIDE.splitlines()) <= 120
    assert [shlex.split(line)[1] for line in TYPED] == ["lint", "compile", "dev", "break", "show", "run"]


def test_a_first_runbook_is_written_tried_and_loaded_as_the_guide_says(
    installation: Installation, tmp_path: Path
) -> None:
    lint, explain, dev, trouble, show, again = (shlex.split(line)[1:] for line in TYPED)
    assert RUNBOOK
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "RB_NOT_READY.md").write_text(RUNBOOK[1], encoding="utf-8")
    linted = runmend(installation.env, *lint, cwd=tmp_path)
    assert (linted.returncode, linted.stderr) == (0, "1 runbook, 0 errors, 0 warnings\n"), linted
    assert f"`{linted.stderr.strip()}`" in GUIDE
    said = runmend(installation.env, *explain, cwd=tmp_path).stdout
    assert "must become true: pods.size() > 0 && pods.all(p, p.running)" in said
    assert said.endswith("What only recommends, and why\n  nothing\n")
    (mine / "RB_UNKNOWN.md").write_text(
        RUNBOOK[1].replace("- No container restarts", "- Pods become happy\n- No container restarts"), encoding="utf-8"
    )
    told = runmend(installation.env, *lint, cwd=tmp_path).stdout
    assert re.search(r'the criterion "Pods become happy" is not understood.*; .*Pods? ', told), told
    (mine / "RB_UNKNOWN.md").unlink()

    assert dev == ["dev", "--runbooks", "mine"]
    loaded = installation.runbooks / "RB_NOT_READY.md"
    loaded.write_text(RUNBOOK[1], encoding="utf-8")
    try:
        namespace, began = installation.a_namespace(), time.monotonic()
        done = installation.run(*trouble, "--namespace", namespace)
        while "unrouted" in done.stdout and time.monotonic() < began + 30:  # until the bridge has read it
            done = installation.run(*trouble, "--namespace", namespace)
        assert "started: run" in done.stdout, done.stdout + done.stderr
        followed = installation.run(*(word.replace("shop/", f"{namespace}/") for word in show))
        assert followed.returncode == 0, followed.stdout + followed.stderr
        assert "registry.example/app:1.0" in followed.stdout
        assert followed.stdout.splitlines()[-1] == f"✓ resolved: Deployment {namespace}/web"
        rerun = installation.run(*(word.replace("shop/", f"{namespace}/") for word in again))
        assert "not needed" in rerun.stdout.lower(), rerun.stdout
    finally:
        loaded.unlink()
