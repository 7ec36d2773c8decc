"""`runmend demo`: everything on loopback, a Deployment that cannot pull its image, and its runbook at work."""

from runmend.demo.play import play

__all__ = ["play"]
