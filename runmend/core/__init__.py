"""What every package may use: names, durations, errors, Markdown, settings, telemetry.

Knows nothing of runbooks and runs.
"""
