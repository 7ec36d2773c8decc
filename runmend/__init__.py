"""Runmend: Markdown runbooks become durable remediation that proves that the fix held."""
