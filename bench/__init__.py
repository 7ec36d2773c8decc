"""Throughput of runs, measured against a workflow written by hand: `python -m bench`."""
