"""English words that plainly restrict what is done, or that hand it to a person: short lists, and nothing else counts.

They read no meaning. What they find is left to a person, so a false alarm costs a look. Called by `runbook.conditions`,
`runbook.steps` and `runbook.prose`.
"""

import re
import unicodedata

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


_VERBS = (
    r"(?:starts?|restarts?|started|runs?|running|ran|comes? back|crash(?:es|ed)?|fails?|failed|waits?|"
    r"works?|worked|ends?|stops?|pulled|killed|used|needed|scheduled|"
    r"made|kept|returns?|appears?|does not become|helps?)"
)
_NO_CONDITION = re.compile(
    r"\b(?:even|as) (?:if|when)\b|\bwhat (?:to do )?(?:if|when)\b|"
    r"\b(?:can|could|may|might) be (?:\w+ ){1,4}(?:if|when) (?:needed|necessary|wanted|required)\b|"
    r"\bso that\b[^.,;:]{0,60} when\b|\b(?:by itself|as it was) when\b|"
    rf"\b(?:that|which|whose|they|it|pods|containers) (?:\w+ )?(?:\w+ )?{_VERBS} (?:again )?when\b|"
    r"\botherwise\b[^.;]{0,40}\b(?:would|stays?|remains?|keeps?)\b|"
    r"^while (?:the |affected |an? )*(?:pods?|containers?|users|people|somebody|someone|team) (?:(?:is|are) )?"
    r"(?:wait|look|search|can ?not|cant|fail|crash|suffer)(?:s|es|ing)?\b"
)
"""Where such a word tells how things are, and asks for nothing."""
_CONDITIONAL = re.compile(
    r"\b(?:if|when|whenever|unless|(?:provided|given|assuming|supposing|on condition)(?= that\b)|"
    r"(?:as|so) long as|in case(?! of)|in the event|otherwise)\b|(?:^|, |\bor )else\b|"
    r"^(?:assuming|supposing|provided|while|where|for (?!example|reference|instance|details|more)[\w /-]{1,40}(?=:))\b"
)
"""A condition, which binds where it is read as one, and never otherwise."""
_PLACES = (
    r"(?:the |a )?(?:prod|production|staging|stage|dev|development|test|testing|qa|sandbox|pre-?prod|canary|canaries|"
    r"(?:business|office|peak|working) hours|maintenance|maintenance window|weekends?|nights?|holidays?|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?)"
)
_WHERE_OR_WHEN = re.compile(
    rf"^(?:in|on|for|at|during|within|outside(?: of)?) {_PLACES}\b|^{_PLACES}:|\({_PLACES}\)$|"
    rf"\b(?:on|at|during|outside(?: of)?) {_PLACES}\b|"
    r"(?<!works )(?<!worked )(?<!tested )(?<!good )(?<!runs )(?<!used )\bin (?:staging|stage|dev|development|testing|"
    r"qa|sandbox|canary|canaries)\b(?! and)|"
    r"\bafter (?:\d+|two|three|four|five|ten|several|the (?:first|second|third|fourth|fifth))\b|"
    r"\b(?:nobody|no one|nothing) else\b(?! (?:is|changes|stays))"
)
"""An environment, a time or a number of times that an order is for."""
_PERSON = r"(?:the|an?|your|our|their|its|sre|somebody|someone|whoever|on-?call)\b"
_HANDS_OVER = re.compile(
    rf"\b(?:do nothing|nothing is done|no action|take no|(?:is|are|be) skipped|skip (?:this|the|it|in|on|for)|"
    rf"page {_PERSON}|wait for {_PERSON}[^.;]{{0,40}}\b(?:ok|okay|go-?ahead|answer|decision|owner|team|on-?call)|"
    r"leave (?:it|them|this|that|the [\w -]{1,30}) (?:alone|to)|"
    r"(?:and|then) (?:stop|abort|exit|page)(?= *(?:$|[.,;]| here\b))|stop here)\b|\bpage$"
)
"""What says that nothing is to be done, or that a person is to do it."""
_BEGINS_OTHERWISE = re.compile(
    r"\W*(?:(?:then|please|just|simply|first) )*(?:skip|stop(?! the\b| \w+ing\b)|do nothing|leave|abort|page|escalate|"
    r"report|ignore|wait|exit|return(?! to\b)|end(?! the\b)|quit|cancel|refuse|(?:continue|proceed)(?! with\b)|move on|"
    r"go on|(?:open|file|create|raise) an? [\w -]{0,20}(?:ticket|issue|incident|alarm)|call|inform|notify|tell|contact|"
    r"alert|warn|hand|nothing|nobody|no|none|not|dont|this|it|there)\b"
)
"""How an order begins that is not the one of the command."""
_OTHER_WAY = re.compile(r"\b(?:otherwise|else(?! (?:stays?|remains?|is|as)\b)|instead(?! of\b))\b|^or\b")
_HARMLESS_ELSE = re.compile(r"\b(?:every|any|some|no)(?:thing|body|one|where)? else\b")


def restriction(text: str) -> str | None:
    """The first sentence of a text that plainly restricts what is done; None where none does."""
    for sentence in _ENDS.split(text):
        plain = _plain(sentence)
        if _RESTRICTS.search(_HARMLESS.sub("", plain)) or _conditional(plain) or _hands_over(plain):
            shown = " ".join(sentence.split())
            return f"{shown[:LONGEST]}…" if len(shown) > LONGEST else shown
    return None


def conditional(text: str) -> bool:
    """Whether a text holds a condition, in whatever sentence of it."""
    return any(_conditional(_plain(sentence)) for sentence in _ENDS.split(text))


def turns(order: str) -> bool:
    """Whether the order behind a condition is none to change something, or something follows that undoes it: skip,
    stop, leave, page, report, and what `goes_elsewhere`.
    """
    return bool(_BEGINS_OTHERWISE.match(_plain(order))) or goes_elsewhere(order)


def goes_elsewhere(text: str) -> bool:
    """Whether a text says what to do in another case, or that a person is to do it."""
    sentences = [_plain(sentence) for sentence in _ENDS.split(text)]
    return any(
        _conditional(plain) or _hands_over(plain) or bool(_OTHER_WAY.search(_HARMLESS_ELSE.sub("", plain)))
        for plain in sentences
    )


def _conditional(plain: str) -> bool:
    return bool(_CONDITIONAL.search(_NO_CONDITION.sub("", plain)))


def _hands_over(plain: str) -> bool:
    return bool(_HANDS_OVER.search(plain) or _WHERE_OR_WHEN.search(plain))


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
