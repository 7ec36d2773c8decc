"""`runmend demo`: everything on loopback, a Deployment that cannot pull its image, and its runbook at work."""

from runmend.local.demo.run import run_demo

__all__ = ["run_demo"]
