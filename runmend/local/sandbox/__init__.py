"""The embedded cluster: for demos, for `runmend dev` without a cluster, and for tests."""

from runmend.local.sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]
