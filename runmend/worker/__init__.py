"""The worker process: its activities, its workflow, and how it starts and ends."""
