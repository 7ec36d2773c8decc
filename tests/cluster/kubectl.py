"""The real kubectl, on a cluster of tests."""

import subprocess
from pathlib import Path

from tests.cluster.binaries import find, kept_in


class Kubectl:
    """Runs kubectl with a kubeconfig, and nothing else of the user's."""

    def __init__(self, kubeconfig: Path) -> None:
        self.path = find("kubectl")
        self.kubeconfig = kubeconfig
        self._cache = kept_in() / "kubectl"

    def __call__(self, *arguments: str, text: str = "", check: bool = True) -> str:
        """Run it; what it printed.

        Args:
            arguments: the command's.
            text: its standard input.
            check: whether it must succeed.
        """
        done = self.run(*arguments, text=text)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run it; how it ended."""
        where = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self._cache}"]
        return subprocess.run(
            [str(self.path), *where, *arguments], input=text, capture_output=True, text=True, check=False
        )
