"""A run that has ended is resumed where it failed, or done again.

`points` and `difference` are pure; the rest talks to Temporal.
"""
