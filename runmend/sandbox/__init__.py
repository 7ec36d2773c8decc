"""The embedded cluster: for demos, for `runmend dev` without a cluster, and for tests."""

from runmend.sandbox.faults import Faults
from runmend.sandbox.sandbox import Sandbox

__all__ = ["Faults", "Sandbox"]
