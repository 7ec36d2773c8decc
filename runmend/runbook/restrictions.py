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
    r"\bas soon as (?:(?:the|new|its|all|an?) )*(?:pods?|containers?|image|rollout|node|it|they)\b|"
    r"\bso that\b[^.,;:]{0,60} when\b|\b(?:by itself|as it was) when\b|"
    rf"\b(?:that|which|whose|they|it|pods|containers) (?:\w+ )?(?:\w+ )?{_VERBS} (?:again )?when\b|"
    r"\botherwise\b[^.;]{0,40}\b(?:would|stays?|remains?|keeps?)\b|"
    r"^while (?:the |affected |an? )*(?:pods?|containers?|users|people|somebody|someone|team) (?:(?:is|are) )?"
    r"(?:wait|look|search|can ?not|cant|fail|crash|suffer)(?:s|es|ing)?\b"
)
"""Where such a word tells how things are, and asks for nothing."""
_CONDITIONAL = re.compile(
    r"\b(?:if|when|whenever|unless|(?:provided|given|supposing|on condition)(?= that\b)|assuming|"
    r"(?:as|so) long as|in case(?! of)|in the event|depending on|as soon as|otherwise)\b|(?:^|, |\bor )else\b|"
    r"(?:once|where|as soon as|after) (?:the |an? |your )?(?:owners?|team|on-?call|customers?|manager|lead|"
    r"engineer|somebody|"
    r"someone|sre)\b|"
    r"^(?:assuming|supposing|provided|while|where|for (?!example|reference|instance|details|"
    r"more)[\w /-]{1,40}(?=:))\b"
)
"""A condition, which binds where it is read as one, and never otherwise."""
_PLACES = (
    r"(?:the |a )?(?:prod|production|staging|stage|dev|development|test|testing|qa|sandbox|pre-?prod|canary|canaries|"
    r"(?:business|office|peak|working) hours|maintenance|maintenance window|weekends?|nights?|holidays?|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?)"
)
_WHERE_OR_WHEN = re.compile(
    rf"^(?:in|on|for|at|during|within|outside(?: of)?) {_PLACES}\b|^{_PLACES}:|\b(?:intended|meant|made|is|"
    rf"are) for {_PLACES}\b|"
    r"\bbetween \d|\bno more than (?:once|twice|\w+ times)\b|\bopts? out\b|"
    r"\b(?:agreement|go-?ahead)\b|"
    rf"\({_PLACES}\)$|"
    rf"\b(?:on|at|during|outside(?: of)?) {_PLACES}\b|"
    r"\bin (?:staging|stage|dev|development|testing|qa|sandbox|canary|canaries)\b(?! and)|"
    r"\bafter (?:\d+|two|three|four|five|ten|several|the (?:first|second|third|fourth|fifth))\b|"
    r"\b(?:nobody|no one|nothing) else\b(?! (?:is|changes|stays))"
)
"""An environment, a time or a number of times that an order is for."""
_KNOWN_THERE = re.compile(
    r"\b(?:works?|worked|tested|tried|proven|known|used|good|runs?|ran)\b[^.,;]{0,30} (?:in|on|during|at) [\w-]+"
)
"""What is known of a place, and orders nothing there."""
_PERSON = r"(?:the|an?|your|our|their|its|sre|somebody|someone|whoever|on-?call)\b"
_HANDS_OVER = re.compile(
    rf"\b(?:do nothing|nothing is done|no action|take no|(?:is|are|be) skipped|skip (?:this|the|it|in|on|for)|"
    rf"page {_PERSON}|wait for {_PERSON}[^.;]{{0,40}}\b(?:ok|okay|go-?ahead|answer|decision|owner|team|on-?call)|"
    r"leave (?:it|them|this|that|the [\w -]{1,30}) (?:alone|to)|"
    r"(?:and|then) (?:stop|abort|exit|page)(?= *(?:$|[.,;]| here\b))|stop here)\b|\bpage$"
)
"""What says that nothing is to be done, or that a person is to do it."""
_CHANGES = (
    r"(?:add|adjust|apply|assign|attach|bounce|bring|bump|change|clear|configure|copy|cordon|correct|cycle|"
    r"decrease|delete|"
    r"deploy|disable|double|drain|drop|edit|empty|enable|ensure|evict|execute|exchange|expand|fall back|fix|"
    r"force|free|get|"
    r"give|go (?:back|to|over to)|boost|cordon off|cut|evacuate|extend|isolate|quadruple|rebuild|relaunch|"
    r"reload|relocate|remediate|re-?run|shift|stabili[sz]e|suspend|grant|grow|halve|heal|help|increase|install|keep|kick|kill|let|lift|limit|lower|make|mark|"
    r"mend|migrate|"
    r"modify|move|overwrite|patch|pause|perform|pin|point|provide|pull|push|put|raise|re-?apply|re-?balance|re-?boot|"
    r"re-?configure|re-?create|recover|recycle|redeploy|reduce|refresh|relax|release|remedy|remove|repair|replace|"
    r"re-?schedule|reset|resize|re-?start|restore|resume|retry|return(?= to\b)|revert|roll|roll-?back|run|scale|"
    r"schedule|"
    r"set|shrink|spread|start|swap|switch|taint|take|terminate|triple|try|tune|turn|un-?cordon|undo|un-?pause|"
    r"un-?taint|"
    r"update|upgrade|use|vacate|widen|write|double|(?:continue|proceed)(?= with (?:the |a )?(?:fix|roll-?back|"
    r"restart|patch)))"
)
_CHANGED = (
    r"(?:\w+ly )?(?:\w{2,15}ed(?<!skipped)(?<!ignored)(?<!refused)(?<!stopped)(?<!aborted)(?<!paged)(?<!needed)"
    r"(?<!changed)(?<!touched)(?<!allowed)(?<!required)(?<!reported)(?<!escalated)(?<!notified)(?<!informed)(?<!asked)|set|"
    r"put|undone|"
    r"rolled back|given|made)"
)
_ORDER = re.compile(
    r"\W*(?:(?:then|please|just|simply|first|also|immediately|automatically|safely|temporarily|quickly|manually|"
    r"we|it|this|want|would|like|have|has|need|needs|"
    r"runmend|the action|this action|try to|will|should|can|to) )*"
    rf"(?:{_CHANGES}(?:s|es)?|{_CHANGES}ing|(?:a |the )?(?:rollback|rolling restart|restart)|"
    rf"(?!no|none|nothing|nobody)[\w' -]{{1,60}} (?:is|are|gets?|(?:will|should|must|shall|can) be|"
    rf"(?:has|have|needs?) to be) {_CHANGED})\b"
    r"(?! (?:(?:back )?(?:is|are|must|may|cannot|not|fails?|would)|no|nothing|nobody|none|off|out|your|hands|"
    r"care|a look|the owner|the team|the on-?call|a ticket|an? \w* ?ticket|"
    r"an? incident|an? issue|an? alarm)\b)"
)
"""How an order begins that may be the one of the command; what begins otherwise says that something else is done."""
_DOES_NOTHING = re.compile(
    r"\b(?:skip|do nothing|abort|page|escalate|escalation|ignore|no action|nothing|never|dont|do not|leave|hold|"
    r"wait|report|"
    r"stop(?! the\b| \w+ing\b))\b"
)
_CLAUSES = re.compile(r"[,;:.]|\b(?:and|then|so|by)\b")
_AGAINST = re.compile(
    rf"{_DOES_NOTHING.pattern}|\b(?:no|not|none|nobody|cannot|cant|without|too|ask|tell|call|inform|notify|let|owner|"
    r"person|someone|somebody|team|on-?call|human|ticket|hands|decides?|other|another|until|unless)\b"
)
"""What may not stand before the order."""
_OTHER_WAY = re.compile(r"\b(?:otherwise|else(?! (?:stays?|remains?|is|as)\b)|instead(?! of\b))\b|^or\b")
_OR_ANOTHER = re.compile(rf"\bor {_CHANGES}\b")
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
    """Whether what stands behind a condition is no order that changes something, or something beside it undoes that.

    Before the order may stand what is done first, or why: "look at the events, then patch the image".
    """
    if not order.strip():
        return False
    clauses = _CLAUSES.split(_plain(order))
    first = next((number for number, clause in enumerate(clauses) if _ORDER.match(clause)), None)
    return first is None or goes_elsewhere(order) or any(map(_AGAINST.search, clauses[:first]))


def does_nothing(heading: str) -> bool:
    """Whether a heading, which need be no order, says that nothing is changed, or leaves it to a person."""
    return bool(_DOES_NOTHING.search(_plain(heading)))


def goes_elsewhere(text: str) -> bool:
    """Whether a text says what to do in another case, or that a person is to do it."""
    sentences = [_plain(sentence) for sentence in _ENDS.split(text)]
    return any(
        _conditional(plain)
        or _hands_over(plain)
        or bool(_OR_ANOTHER.search(plain))
        or bool(_OTHER_WAY.search(_HARMLESS_ELSE.sub("", plain)))
        for plain in sentences
    )


def _conditional(plain: str) -> bool:
    return bool(_CONDITIONAL.search(_NO_CONDITION.sub("", plain)))


def _hands_over(plain: str) -> bool:
    return bool(_HANDS_OVER.search(plain) or _WHERE_OR_WHEN.search(_KNOWN_THERE.sub("", plain)))


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
