"""Hashes of all that the image installs: `make hashes`, after constraints.txt or the Dockerfile's Python has changed.

Writes requirements-image.txt, what runs in the image, and requirements-build.txt, what it is built with: each package
that is needed on the image's Python, in the version of constraints.txt, with the hashes of its wheels for both
architectures. They hold nothing of where a package came from. pip is asked, by its own settings, and installs nothing.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[1]
MACHINES: Final = ("x86_64", "aarch64")
"""The architectures for which the image can be built, as wheels name them."""
GLIBC: Final = 36
"""The image's C library is 2.36, Debian 12's; wheels for older ones fit."""
FILES: Final = ("requirements-image.txt", "requirements-build.txt")


class NotRenewed(Exception):
    """The hashes cannot be told."""


def image_python() -> str:
    """The Python of the Dockerfile's images, `3.13.14`."""
    found = set(re.findall(r"^FROM python:([\d.]+)-", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    if len(found) != 1:
        raise NotRenewed(f"the Dockerfile names not one Python: {sorted(found)}")
    return str(found.pop())


def pinned() -> dict[str, str]:
    """constraints.txt: canonical name → line."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(line.partition("==")[0]): line for line in lines}


def needed() -> dict[str, list[str]]:
    """What each of the files is to name, as constraints.txt has it, in its order.

    Raises:
        NotRenewed: something is not pinned, or not installed in that version here.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    image, build = FILES
    asked = {image: project["project"]["dependencies"], build: [*project["build-system"]["requires"], "pip"]}
    found = {file: _with_dependencies(map(Requirement, requirements)) for file, requirements in asked.items()}
    return {file: [line for name, line in pinned().items() if name in names] for file, names in found.items()}


def _with_dependencies(requirements: Iterable[Requirement]) -> set[str]:
    """The names of packages and of all that they need on the image's Python, on either architecture."""
    lines, done = pinned(), set[tuple[str, str]]()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in done:
                continue
            done.add((name, extra))
            if name not in lines:
                raise NotRenewed(f"constraints.txt has no {name}, which the image needs")
            waiting += _dependencies(lines[name], extra)
    return {name for name, _ in done}


def _dependencies(line: str, extra: str) -> list[Requirement]:
    name, _, version = line.partition("==")
    installed = distribution(name)
    if installed.version != version:
        raise NotRenewed(f"{name} {installed.version} is installed, and constraints.txt has {version}: make setup")
    requirements = map(Requirement, installed.requires or ())
    return [each for each in requirements if any(_holds(each, extra, machine) for machine in MACHINES)]


def _holds(requirement: Requirement, extra: str, machine: str) -> bool:
    if requirement.marker is None:
        return not extra
    python = image_python()
    environment: dict[str, str] = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux",
        "extra": extra,
    }
    return requirement.marker.evaluate(environment)


def hashed(lines: Iterable[str], reports: Iterable[Mapping[str, Any]]) -> list[str]:
    """Requirements with the hashes that pip's reports, one of each architecture, have for them.

    Raises:
        NotRenewed: a report lacks one of them, or its hash.
    """
    hashes: dict[str, set[str]] = {}
    for report in reports:
        found = {
            f"{canonicalize_name(each['metadata']['name'])}=={each['metadata']['version']}": each["download_info"]
            for each in report["install"]
        }
        for line in lines:
            name, _, version = line.partition("==")
            told = found.get(f"{canonicalize_name(name)}=={version}", {}).get("archive_info", {}).get("hashes", {})
            if not re.fullmatch(r"[0-9a-f]{64}", told.get("sha256", "")):
                raise NotRenewed(f"pip tells no sha256 of {line}")
            hashes.setdefault(line, set()).add(told["sha256"])
    return [" ".join((line, *(f"--hash=sha256:{each}" for each in sorted(hashes[line])))) for line in lines]


def report_of(lines: Iterable[str], machine: str) -> Mapping[str, Any]:
    """What pip would install of these on a machine with the image's Python; it installs nothing, and takes wheels only.

    Raises:
        NotRenewed: pip cannot tell.
    """
    minor = ".".join(image_python().split(".")[:2])
    tags = [f"manylinux_2_{number}_{machine}" for number in range(GLIBC, 4, -1)]
    tags += [f"{name}_{machine}" for name in ("manylinux2014", "manylinux2010", "manylinux1", "linux")]
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--only-binary", ":all:", "--python-version", minor, "--implementation", "cp"]
        command += [f"--abi={abi}" for abi in (f"cp{minor.replace('.', '')}", "abi3", "none")]
        command += [f"--platform={tag}" for tag in tags]
        command += ["--target", folder, "--report", str(report), *lines]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotRenewed(f"pip cannot tell for {machine}: {done.stderr.strip()[-500:]}")
        told: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return told


def main() -> int:
    """Write both files; 1 where that cannot be done."""
    try:
        for file, lines in needed().items():
            written = hashed(lines, [report_of(lines, machine) for machine in MACHINES])
            (ROOT / file).write_text("\n".join(written) + "\n", encoding="utf-8")
            print(f"{file}: {len(written)} packages")
    except NotRenewed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
