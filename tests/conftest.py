"""Options of the whole test suite; pytest reads them here because a subfolder's conftest is loaded too late."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kubeconfig", help="run the contract tests on this cluster as well; it must listen on loopback")
