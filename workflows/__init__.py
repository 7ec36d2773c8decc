"""Deterministic code only: what interprets a plan."""
