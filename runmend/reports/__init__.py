"""What people read of a run: the report, the texts of the Web UI, and Kubernetes events on the target."""
