"""`runmend cancel` as a process, against what `runmend dev` started."""

import pytest

from runmend.cli.main import run
from tests.builders import MISSING
from tests.cli.installation import Installation
from tests.cli.test_replay import image, newer


@pytest.mark.slow
def test_an_open_run_is_cancelled_with_a_reason_which_its_report_says(installation: Installation) -> None:
    namespace, pod = installation.a_broken_deployment()
    labels = ("-l", f"namespace={namespace}", "-l", f"pod={pod}")
    runbooks = str(newer(installation, window="5 minutes"))
    with installation.started("run", "RB_IMAGEPULL", *labels, "--wait", "--runbooks", runbooks) as following:
        assert following.stdout
        for line in following.stdout:
            if "verification window" in line:
                break
        done = installation.run("cancel", f"{namespace}/web", "--reason", "the shop is closed", "--wait")
        followed, _ = following.communicate(timeout=60)
    again = installation.run("cancel", f"{namespace}/web", "--reason", "once more")
    [row] = installation.told("list", "--target", f"{namespace}/web")
    told = installation.told("show", f"{namespace}/web")

    assert (done.returncode, following.returncode) == (0, 1), done.stderr
    assert done.stderr.startswith(f"asked default/{namespace}/Deployment/web to cancel; ")
    verdict = f"■ cancelled: Deployment {namespace}/web: cancelled by a person: the shop is closed"
    assert done.stdout.splitlines()[-1] == followed.splitlines()[-1] == verdict
    assert f"kubectl set image deployment/web app={MISSING} -n {namespace}\n" in done.stdout
    assert image(installation, namespace) != MISSING
    assert (row["outcome"], row["reason"]) == ("cancelled", "cancelled")
    assert told["result"]["not_done"] == ["verification window", "check"]
    assert (again.returncode, again.stdout) == (1, "")
    assert " has ended, so there is nothing to cancel; " in again.stderr


@pytest.mark.slow
def test_a_run_that_is_not_there_is_not_cancelled(installation: Installation) -> None:
    done = installation.run("cancel", "shop/nobody", "--reason", "why not")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "no run of " in done.stderr


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["web"], "Missing option '--reason'"),
        (["web", "--reason", " "], "--reason is empty"),
        (["web", "--reason", "x" * 501], "--reason is longer than 500 characters"),
    ],
)
def test_a_reason_is_asked_for(capsys: pytest.CaptureFixture[str], argv: list[str], says: str) -> None:
    assert run(["cancel", *argv]) == 2

    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert says in said.err
