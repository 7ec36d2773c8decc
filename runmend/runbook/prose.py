"""Prose beside the actions, which nothing reads: what lint says of it. Called by `runbook.compiler`."""

from runmend.runbook.actions import action_ids
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import Bullets, Document, Inline, Other, Section, texts_of
from runmend.runbook.restrictions import restriction

AS_ITEMS = "write what binds as items: - **name**: `value`"


def warn_of_prose(document: Document, restricted: frozenset[str], report: Report) -> None:
    """Say of text beside the actions that nothing reads it; what restricts one of the actions `restricted` is told
    already.
    """
    for part in document.parts:
        ids = action_ids(part) if part.section in (None, Section.ACTIONS) else frozenset()
        if not ids and not (part.section is Section.ACTIONS and part.opens):
            continue
        for block in part.blocks:
            if ids and isinstance(block, Bullets):
                continue
            if isinstance(block, Inline | Bullets):
                for text, line in texts_of(block):
                    if not (ids & restricted and restriction(text)):
                        what = "the paragraph" if isinstance(block, Inline) else "the list item"
                        report.warning(
                            Kind.PROSE,
                            line,
                            f"{what} {quoted(text)} is prose and binds nothing",
                            "leave it if it is for people",
                        )
            elif not (ids & restricted and restriction(block.text)):
                kind = block.kind if isinstance(block, Other) else "a code block"
                report.warning(Kind.UNREAD_TEXT, block.line, f"{kind} beside the actions' items is not read", AS_ITEMS)
