"""The compiled runbook, its placeholders and criteria, and what passes between workflow and activities. Pure values."""
