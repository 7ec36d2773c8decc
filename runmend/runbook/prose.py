"""Prose beside a changing action that plainly restricts it: a short list of words, and nothing else binds.

A false alarm costs a person's look at a recommendation. Called by `runbook.steps`.
"""

import re
import unicodedata

from runmend.runbook.actions import action_ids
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import Bullets, Document, Inline, Other, Section, texts_of

AS_ITEMS = "write what binds as items: - **name**: `value`"
LONGEST = 300
"""How much of a sentence is shown to who reads the report."""
_HARMLESS = re.compile(
    r"\b(?:only (?:takes?|lasts?|costs?|possible|affects?|changes?|replaces?|a (?:minute|moment|few)|needs?|"
    r"the (?:affected |changed |broken )*(?:containers?|image|limits?|pods?)(?: is| are)? (?:patched|changed?s?|"
    r"replaced|touched|restarted))|"
    r"(?:containers?|image|limits?) only(?=$|[.,;])|(?:do not|dont) (?:worry|hesitate|be alarmed|panic|expect)|"
    r"never (?:above|over|more than|beyond|exceeds?|exceeding|higher than) \d|(?:can|could|may) (?:\w+ ){1,3}"
    r"(?:manually|by hand)|"
    r"confirmation (?:from|of|by) the (?:api|server|kubelet|controller|scheduler|cluster)|manual pages?)"
)
"""What sounds like a restriction, and is none."""
_RESTRICTS = re.compile(
    r"\b(?:only|unless|except|never|do not|dont|(?:must|should|shall) not|(?:must|should)nt|"
    r"not (?:in|on|for|at|during)|"
    r"(?:after|before|until|once|pending|subject to)\b[^.;]{0,80}\bapprov\w*|approval|sign-?\s?off|"
    r"(?:must|should|has to|needs to) be (?:approved|agreed|confirmed|signed off)|approved by|permission|consent|"
    r"(?:consult|coordinate|check|verify|agree|align|clarify|talk|speak) (?:it |this )?(?:with|to) (?:the|your|"
    r"an?|sre|their|its|whoever)\b|"
    r"consult|permitted only|(?:not|never) (?:allowed|permitted)|forbidden|prohibited|exclud(?:e|es|ing)|"
    r"at most (?:once|twice|one|\w+ times) (?:per|an?|in|every|each)\b|human|escalate|refrain|hold off|caution|"
    r"skip (?:this|it|for|in|on|if|when)|no changes|(?:change|code|deployment|release|during (?:a|the)) freeze|"
    r"(?:notify|inform|tell|warn|contact|page|call)\b[^.;]{0,60}\b(?:before\w*|first|prior|proceeding)|"
    r"avoid (?:doing|running|using|this|it|in|on|at|during)|"
    r"asks?|confirm|confirmed|confirmation|manual|manually|by hand)\b|~~"
)
_ENDS = re.compile(r"(?<=[.!?;])\s+|\n+")


def restriction(text: str) -> str | None:
    """The first sentence of a text that plainly restricts what is done; None where none does."""
    for sentence in _ENDS.split(text):
        if _RESTRICTS.search(_HARMLESS.sub("", _plain(sentence))):
            shown = " ".join(sentence.split())
            return f"{shown[:LONGEST]}…" if len(shown) > LONGEST else shown
    return None


def _plain(text: str) -> str:
    """Lower case, without apostrophes, marks and invisible letters: neither a curly quote nor a soft hyphen hides a
    word.
    """
    # Marks go before the text is normalised, which would sort them, in their number squared.
    letters = "".join(
        letter for letter in text if not unicodedata.combining(letter) and unicodedata.category(letter) != "Cf"
    )
    words = re.sub(r"['\u2018\u2019`*\"\u201c\u201d]", "", unicodedata.normalize("NFKC", letters))
    return " ".join(words.replace("_", " ").split()).lower()


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
