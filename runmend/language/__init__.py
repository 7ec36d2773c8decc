"""What a runbook's words stand for: states, verbs, criteria, and a target as it is now."""
