"""Every side effect of a run: observing, the steps' operations, verification, the report."""
