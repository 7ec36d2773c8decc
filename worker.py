"""The worker process: `python worker.py`, the same as `runmend worker`."""

from runmend.cli import main

if __name__ == "__main__":
    main(["worker"])
