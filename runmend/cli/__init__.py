"""The commands. `main` is the entry point of `runmend`, of `worker.py` and of `python -m runmend.cli`."""

from runmend.cli.main import main

__all__ = ["main"]
