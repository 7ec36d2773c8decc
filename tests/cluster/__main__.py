"""A real Kubernetes on this machine, of the project's own tests: `python -m tests.cluster build`,
`python -m tests.cluster run`."""

import argparse
import signal
import sys
import time
from types import FrameType

from tests.cluster.binaries import PACKAGES, PROGRAMS, find
from tests.cluster.control_plane import NODES, NotReady, control_plane


def build() -> None:
    """Build and unpack what is missing."""
    missing = [*PROGRAMS, *PACKAGES]
    for number, name in enumerate(missing, 1):
        find(name, lambda text, number=number: print(f"[{number}/{len(missing)}] {text}", flush=True))  # type: ignore[misc]


def run(nodes: int) -> None:
    """Run a control plane until it is interrupted."""
    build()
    started = time.monotonic()
    with control_plane(nodes) as plane:
        print(
            f"\nKubernetes is ready after {time.monotonic() - started:.0f} s, with {nodes} nodes.\n\n"
            f"  export KUBECONFIG={plane.kubeconfig}\n"
            f"  alias kubectl={plane.kubectl_path}\n"
            f"  kubectl create deployment web --image=registry.example/app:missing\n\n"
            f"  .venv/bin/pytest tests/contract tests/e2e --cluster=existing --kubeconfig {plane.kubeconfig}\n\n"
            f"Logs and the audit log are in {plane.folder}. Ctrl-C ends all of it.",
            flush=True,
        )
        try:
            while True:
                time.sleep(1)
                plane.processes.raise_if_gone()
        except KeyboardInterrupt:
            print("ending ...", flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build and unpack what is missing")
    running = commands.add_parser("run", help="run a control plane until Ctrl-C")
    running.add_argument("--nodes", type=int, default=NODES, choices=range(1, 10), metavar="1-9")
    chosen = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        build() if chosen.command == "build" else run(chosen.nodes)
    except NotReady as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")


if __name__ == "__main__":
    main()
