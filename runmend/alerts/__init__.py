"""Alerts, their episodes, and the targets that they ask to have fixed. Pure values."""
