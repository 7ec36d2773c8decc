"""The sentences that a runbook may say, each with the expression that it stands for: one table, in several modules.

Read by `runbook.sentences`. A row is one family of sentences: a pattern over plain words, the expression, where it may
stand, and examples, each of which is a test. Patterns are matched whole, against lower-case words of at most
`phrases.LONGEST` characters; the first that fits is taken.
"""

from typing import Final

from runmend.runbook.forms import absences, conditions, nodes, objects, outside, pods, usage
from runmend.runbook.forms.words import NODE_WELL, REASONS, Form, Must, Place

__all__ = ["FORMS", "NODE_WELL", "REASONS", "Form", "Must", "Place"]

FORMS: Final = (
    *absences.FORMS,
    *pods.FORMS,
    *nodes.FORMS,
    *objects.FORMS,
    *usage.FORMS,
    *outside.FORMS,
    *conditions.FORMS,
)
