"""What a wheel of the project holds, and that it works outside of a checkout."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what a wheel would install."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_brings_the_shipped_runbooks_byte_for_byte(installed: Path) -> None:
    brought = {path.name: path.read_bytes() for path in (installed / "runmend/shipped_runbooks").iterdir()}

    assert brought == {path.name: path.read_bytes() for path in (ROOT / "runbooks").iterdir()}
    assert "RB_IMAGEPULL.md" in brought


def test_an_installed_wheel_finds_its_runbooks_in_any_directory(installed: Path, tmp_path: Path) -> None:
    script = (
        "from runmend.local.shipped import shipped_runbooks; from runmend.runbook import load_directory; "
        "found = shipped_runbooks(); print(found, *load_directory(found).plans)"
    )
    # What PYTHONPATH names comes before the checkout, which this Python has installed.
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )

    names = sorted(path.stem for path in (ROOT / "runbooks").glob("*.md"))
    assert (done.stdout.split(), done.stderr) == ([str(installed / "runmend/shipped_runbooks"), *names], "")


def test_a_checkout_uses_the_runbooks_at_its_top() -> None:
    from runmend.local.shipped import shipped_runbooks  # noqa: PLC0415  beside the wheel's

    assert shipped_runbooks() == ROOT / "runbooks"
