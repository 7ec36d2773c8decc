"""`make digests` pins what the Dockerfile and docker-compose.yml pull.

No registry is asked: a program made for the test answers in place of `crane` and `docker`.
"""

import os
import shutil
from pathlib import Path

import pytest
import yaml

from release import digests
from release.digests import FILES, NotRenewed, images_in, pinned

ROOT = Path(__file__).parents[3]
ANSWERS = """\
#!/bin/sh
echo "$0 $*" >> "$(dirname "$0")/asked"
for image in "$@"; do :; done
printf 'sha256:%s\\n' "$(printf '%s' "$image" | sha256sum | cut -c1-64)"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, where there is neither crane nor docker."""
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "bin").mkdir()
    for needed in ("sh", "dirname", "sha256sum", "cut"):
        (tmp_path / "bin" / needed).symlink_to(shutil.which(needed) or "")
    monkeypatch.setattr(digests, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def program(root: Path, name: str, text: str) -> None:
    file = root / "bin" / name
    file.write_text(text)
    file.chmod(0o755)


def test_every_image_that_is_pulled_is_found_and_ours_is_not() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    pulled = {service["image"].partition("@")[0] for service in compose["services"].values()}

    found = {file: images_in((ROOT / file).read_text(encoding="utf-8")) for file in FILES}

    assert {*found["docker-compose.yml"]} == {image for image in pulled if not image.startswith("runmend:")}
    assert [image.partition(":")[0] for image in found["Dockerfile"]] == ["python"]


@pytest.mark.parametrize("name", ["crane", "docker"])
def test_all_are_pinned_and_pinned_anew_the_next_time(root: Path, name: str) -> None:
    before = {file: (root / file).read_text() for file in FILES}
    program(root, name, ANSWERS)

    assert digests.main() == 0

    asked = (root / "bin" / "asked").read_text().splitlines()
    asked = [each for each in asked if not each.endswith("/docker buildx version")]
    assert all(f"/{name} digest " in each or f"/{name} buildx imagetools inspect --format " in each for each in asked)
    first = {file: (root / file).read_text() for file in FILES}
    for file in FILES:
        for image in images_in(before[file]):
            assert f"{image}@sha256:" in first[file]
        unpinned = pinned(first[file], dict.fromkeys(images_in(before[file]), "sha256:")).replace("@sha256:", "")
        assert unpinned == pinned(before[file], dict.fromkeys(images_in(before[file]), "sha256:")).replace(
            "@sha256:", ""
        )
    assert "runmend:0.1.0@" not in first["docker-compose.yml"]

    program(root, name, ANSWERS.replace("printf '%s' \"$image\"", "printf '%s again' \"$image\""))
    assert digests.main() == 0

    again = {file: (root / file).read_text() for file in FILES}
    assert again != first
    assert {file: text.count("@sha256:") for file, text in again.items()} == {
        file: text.count("@sha256:") for file, text in first.items()
    }


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ("#!/bin/sh\necho no such host >&2; exit 1\n", "no such host"),
        ("#!/bin/sh\necho '<html>'\n", "<html>"),
        ("#!/bin/sh\n", "no answer"),
        (ANSWERS.replace("for image", '[ $(wc -l < "$(dirname "$0")/asked") = 3 ] && exit 9\nfor image'), "no answer"),
    ],
    ids=["an error", "a page", "nothing", "the third of them is not told"],
)
def test_unless_all_are_told_nothing_is_written(
    root: Path, capsys: pytest.CaptureFixture[str], answers: str, why: str
) -> None:
    (root / "bin" / "wc").symlink_to(shutil.which("wc", path=os.defpath) or "")
    program(root, "crane", answers)

    assert digests.main() == 1

    said = capsys.readouterr().err
    assert said.startswith("error: nothing was written: ")
    assert said.endswith(f": {why}\n")
    assert all((root / file).read_text() == (ROOT / file).read_text() for file in FILES)


def test_without_crane_and_docker_it_is_said_which_are_wanted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert digests.main() == 1
    program(root, "docker", "#!/bin/sh\nexit 1\n")
    assert digests.main() == 1
    assert capsys.readouterr().err.count("neither `crane` nor `docker` with buildx") == 2
    assert (root / "Dockerfile").read_text() == (ROOT / "Dockerfile").read_text()


def test_a_registry_that_does_not_answer_is_given_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "SECONDS", 0.2)
    (root / "bin" / "sleep").symlink_to(shutil.which("sleep", path=os.defpath) or "")
    program(root, "crane", "#!/bin/sh\nexec sleep 60\n")

    with pytest.raises(NotRenewed, match=r"python:3: no answer within 0\.2 s"):
        digests.digest_of("python:3", digests.asking())
