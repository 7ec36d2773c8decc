"""Runs seen from outside: connecting, starting and joining, finding, reading, following, counting, replaying."""
