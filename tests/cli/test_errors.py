"""What goes wrong is one line on stderr that says what to do, and an exit code; never a traceback."""

import codecs
import fcntl
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from runmend.cli.main import main, plainer, run
from runmend.local.processes import free_port
from runmend.local.sandbox.sandbox import Sandbox, may_be_overwritten
from tests.builders import SEED
from tests.cli.installation import ROOT, runmend, surroundings


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["bogus"], "No such command 'bogus'; see `runmend --help`"),
        (["list", "--bogus"], "No such option: --bogus"),
        (["show"], "Missing argument 'RUN'; see `runmend show --help`"),
        (["run", "RB_IMAGEPULL", "-l", "pod"], "'pod' is not a label; write -l NAME=VALUE"),
        (
            ["run", "RB_IMAGEPULL", "-l", "pod=a", "-l", "pod=b"],
            "the label pod is given as 'a' and as 'b'; give it once",
        ),
        (["run", "RB_IMAGEPULL", "--mode", "approve"], "'approve'"),
        (
            ["run", "RB_IMAGEPULL", "web"],
            "'web' is not a target; write NAMESPACE/NAME, such as shop/web, or Node/NAME, or labels with -l",
        ),
        (["run", "RB_IMAGEPULL", "shop/Web"], "'shop/Web' is not a target ('Web' is not a DNS-1123 subdomain"),
        (["list", "--limit", "0"], "Input should be greater than or equal to 1"),
    ],
)
def test_a_usage_error_is_one_line_and_exits_with_2(
    capsys: pytest.CaptureFixture[str], argv: list[str], says: str
) -> None:
    assert run(argv) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("runmend: error: ")
    assert says in said.err
    assert said.err.count("\n") == 1


class Left(Exception):
    """The process would be gone."""


@pytest.mark.parametrize(("argv", "code"), [(["--version"], 0), (["bogus"], 2)])
def test_a_command_leaves_without_the_interpreters_way_out_after_all_is_printed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: list[str], code: int
) -> None:
    # On that way a Temporal client aborts the process now and then, after the right answer.
    def leave(code: int) -> NoReturn:
        raise Left(code)

    monkeypatch.setattr("os._exit", leave)

    with pytest.raises(Left) as left:
        main(argv)

    assert left.value.args == (code,)
    said = capfd.readouterr()
    assert said.out + said.err != ""


@pytest.fixture
def nobody(tmp_path: Path) -> dict[str, str]:
    """Surroundings in which nothing answers."""
    port = free_port()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "a", "user": {"token": "a"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
    return surroundings(tmp_path, TEMPORAL_ADDRESS=f"127.0.0.1:{port}", KUBECONFIG=str(tmp_path / "kubeconfig"))


def one_error(stderr: str) -> str:
    errors = [line for line in stderr.splitlines() if line.startswith("runmend: error: ")]
    assert len(errors) == 1, stderr
    assert "Traceback" not in stderr
    return errors[0]


NOBODY_ANSWERS = "cannot be reached: Connection refused; start one with `runmend dev`, or set TEMPORAL_ADDRESS"
ANY_PORTS = ["--port", "0", "--temporal-port", "0", "--ui-port", "0"]
A_POD = ["-l", "namespace=shop", "-l", "pod=a"]


@pytest.mark.parametrize(
    ("argv", "env", "says"),
    [
        (["list"], {}, NOBODY_ANSWERS),
        (["show", "shop/web"], {}, NOBODY_ANSWERS),
        (
            ["list"],
            {"TEMPORAL_CONFIG_FILE": "pyproject.toml", "TEMPORAL_PROFILE": "nobody"},
            "the Temporal profile cannot be read",
        ),
        (["list"], {"RUNMEND_CLUSTER": "a b"}, "RUNMEND_CLUSTER=a b: "),
        (["list"], {"RUNMEND_HOLD_MINUTES": "long"}, "RUNMEND_HOLD_MINUTES=long: "),
        (["list"], {"RUNMEND_METRICS_PORT": "99999"}, "RUNMEND_METRICS_PORT=99999: "),
        (
            ["list"],
            {"RUNMEND_NAMESPACE": "shop"},
            "RUNMEND_NAMESPACE is not a setting, the nearest is RUNMEND_NAMESPACES; ",
        ),
        (["lint"], {"RUNMEND_RUNBOOK": "r"}, "RUNMEND_RUNBOOK is not a setting, the nearest is RUNMEND_RUNBOOKS; "),
        (["dev"], {"RUNMEND_HOLD": "0"}, "RUNMEND_HOLD is not a setting, the nearest is RUNMEND_MODE; "),
        (
            ["run", "RB_NOBODY"],
            {},
            "no runbook RB_NOBODY in runbooks, it has RB_CONTAINER_CREATING, RB_CRASHLOOP, RB_IMAGEPULL",
        ),
        (["run", "nowhere.md"], {}, "nowhere.md cannot be read: No such file or directory"),
        (["run", "/dev/null"], {}, "/dev/null cannot be read: it is a device and no regular file"),
        (["compile", "/dev/null"], {}, "/dev/null cannot be read: it is a device and no regular file"),
        (
            ["run", "RB_IMAGEPULL", "--runbooks", "/nowhere"],
            {},
            "/nowhere: No such file or directory; name the directory with --runbooks",
        ),
        (
            ["run", "RB_IMAGEPULL"],
            {},
            (
                "the label namespace is missing; RB_IMAGEPULL requires it; name the target, such as shop/web, or give "
                "labels with -l NAME=VALUE"
            ),
        ),
        (
            ["run", "RB_IMAGEPULL", "-l", "namespace=kube-system", "-l", "pod=a"],
            {},
            "add it to RUNMEND_NAMESPACES by its full name, ",
        ),
        (
            ["run", "RB_IMAGEPULL", *A_POD],
            {"RUNMEND_NAMESPACES": "pay"},
            "if shop may be changed, add it to RUNMEND_NAMESPACES, ",
        ),
        (
            ["run", "RB_IMAGEPULL", *A_POD],
            {"RUNMEND_NAMESPACES": ""},
            "RUNMEND_NAMESPACES does not allow changes in namespace shop",
        ),
        (["run", "RB_IMAGEPULL", "-l", "namespace=shop", "-l", "pod=../a"], {}, "the label pod: "),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    nobody: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    env: dict[str, str],
    says: str,
) -> None:
    for name, value in (nobody | env).items():
        monkeypatch.setenv(name, value)

    assert run(argv) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert says in one_error(said.err)


@pytest.mark.parametrize(
    ("argv", "env", "says"),
    [
        (["run", "RB_IMAGEPULL", *A_POD], {}, "[Errno 111] Connection refused; is KUBECONFIG right?"),
        (["run", "RB_IMAGEPULL", *A_POD], {"RUNMEND_KUBE_CONTEXT": "b"}, " cannot be used: "),
        (["worker"], {}, NOBODY_ANSWERS),
        (
            ["worker"],
            {"RUNMEND_NAMESPACE": "shop"},
            "RUNMEND_NAMESPACE is not a setting, the nearest is RUNMEND_NAMESPACES; ",
        ),
        (
            ["bridge"],
            {"RUNMEND_NAMESPACE": "shop"},
            "RUNMEND_NAMESPACE is not a setting, the nearest is RUNMEND_NAMESPACES; ",
        ),
        (["worker"], {"KUBECONFIG": "/nowhere"}, "no cluster: the kubeconfig /nowhere: "),
        (["worker", "--runbooks", "/nowhere"], {}, "/nowhere: No such file or directory"),
        (["bridge", "--runbooks", "runbooks"], {}, NOBODY_ANSWERS),
        (["bridge", "--runbooks", "/nowhere"], {}, "/nowhere: No such file or directory"),
        (["bridge", "--host", "0.0.0.0", "--runbooks", "runbooks"], {}, "set RUNMEND_TOKEN_FILE, or pass --insecure"),
        (["worker"], {"RUNMEND_PLAN_KEY_FILE": "/nowhere"}, "RUNMEND_PLAN_KEY_FILE /nowhere cannot be read: No such"),
        (["bridge"], {"RUNMEND_PLAN_KEY_FILE": "/nowhere"}, "RUNMEND_PLAN_KEY_FILE /nowhere cannot be read: No such"),
        (["sandbox", "--kubeconfig", "pyproject.toml/kubeconfig"], {}, "pyproject.toml"),
        (
            ["sandbox", "--kubeconfig", "pyproject.toml"],
            {},
            "pyproject.toml is there and no embedded cluster's, so it is left alone; ",
        ),
        (["dev", *ANY_PORTS, "--context", "nobody"], {}, " cannot be used: "),
    ],
)
def test_a_process_that_cannot_do_its_work_says_so_in_one_line(
    nobody: dict[str, str], argv: list[str], env: dict[str, str], says: str
) -> None:
    done = runmend(nobody | env, *argv)

    assert done.returncode == 1
    assert says in one_error(done.stderr)


@pytest.mark.parametrize(
    "argv", [["sandbox", "--port"], ["dev", "--port"], ["dev", "--temporal-port"], ["dev", "--ui-port"]]
)
def test_a_port_that_is_taken_is_named_with_its_option(nobody: dict[str, str], argv: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        others = ANY_PORTS if argv[0] == "dev" else ()
        done = runmend(nobody, argv[0], *others, argv[1], port, cwd=tmp_path)

    assert done.returncode == 1
    assert (
        f"port {port} of 127.0.0.1 cannot be used (Address already in use); choose another with {argv[1]}"
        in one_error(done.stderr)
    )


def test_a_kubeconfig_of_somebody_elses_is_not_overwritten(nobody: dict[str, str], tmp_path: Path) -> None:
    before = (tmp_path / "kubeconfig").read_bytes()

    sandbox = runmend(nobody, "sandbox", "--kubeconfig", str(tmp_path / "kubeconfig"))
    dev = runmend(nobody, "dev", *ANY_PORTS, "--db", str(tmp_path / "temporal.db"))

    assert (sandbox.returncode, dev.returncode) == (1, 1)
    for done, option in ((sandbox, "--kubeconfig"), (dev, "--db")):
        assert f"{tmp_path}/kubeconfig is there and no embedded cluster's, so it is left alone; " in one_error(
            done.stderr
        )
        assert done.stderr.endswith(f"{option}\n")
    assert (tmp_path / "kubeconfig").read_bytes() == before


@pytest.mark.parametrize(
    ("written", "its"),
    [
        ("", False),
        ("a: [", False),
        ("[]", False),
        ("kind: Config\nclusters: {}", False),
        ("kind: Config\nclusters: [{name: sandbox}]\nusers: [{name: sandbox}]\ncontexts: [{name: sandbox}]", True),
        (
            (
                "kind: Config\nclusters: [{name: sandbox}, {name: a}]\nusers: [{name: sandbox}]\ncontexts: "
                "[{name: sandbox}]"
            ),
            False,
        ),
        ("kind: Config\nclusters: [{name: sandbox}]\nusers: [a]\ncontexts: [{name: sandbox}]", False),
    ],
)
def test_a_kubeconfig_of_a_sandbox_is_known_by_its_names(written: str, its: bool, tmp_path: Path) -> None:  # noqa: FBT001
    file = tmp_path / "kubeconfig"
    file.write_text(written, encoding="utf-8")

    assert may_be_overwritten(file) is its


def test_a_kubeconfig_that_a_sandbox_wrote_is_its_own(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        assert may_be_overwritten(sandbox.write_kubeconfig(tmp_path / "kubeconfig"))


def test_dev_without_its_runbooks_starts_nothing(nobody: dict[str, str], tmp_path: Path) -> None:
    done = runmend(nobody, "dev", *ANY_PORTS, "--runbooks", "/nowhere", "--db", str(tmp_path / "dev" / "temporal.db"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere: No such file or directory; name the directory with --runbooks" in one_error(done.stderr)
    assert not (tmp_path / "dev").exists()


def test_a_second_dev_in_one_folder_is_refused(nobody: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "dev.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        done = runmend(nobody, "dev", *ANY_PORTS, "--db", str(tmp_path / "temporal.db"))

    assert (done.returncode, done.stdout) == (1, "")
    assert f"another `runmend dev` works in {tmp_path}; end it, or choose another folder with --db" in one_error(
        done.stderr
    )
    assert not (tmp_path / "temporal.db").exists()


def test_a_runbook_that_does_not_compile_is_not_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "RB_BROKEN.md"
    file.write_text(SEED.read_text(encoding="utf-8").replace("kubectl patch", "kubectl exec"), encoding="utf-8")

    assert run(["run", str(file), "-l", "namespace=shop", "-l", "pod=a"]) == 1
    assert capsys.readouterr().err.startswith(f"runmend: error: {file}:")


def test_a_broken_pipe_is_quiet(tmp_path: Path) -> None:
    script = f"{sys.executable} -m runmend.cli compile runbooks/RB_IMAGEPULL.md --format json | head -1"

    done = subprocess.run(
        ["bash", "-c", script],
        env=surroundings(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("runmend ")


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Usage: runmend" in capsys.readouterr().out


def test_marks_can_be_told_apart_on_a_terminal_that_has_none_of_them() -> None:
    codecs.register_error("plainer", plainer)

    assert "✓ a, ✗ b, ∅ c → d … é".encode("ascii", "plainer") == b"+ a, x b, - c -> d ... ?"
