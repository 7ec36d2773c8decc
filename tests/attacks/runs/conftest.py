"""The world of the tests on a real Temporal server: its runs are attacked here."""

from tests.temporal.conftest import client, temporal, world

__all__ = ("client", "temporal", "world")
