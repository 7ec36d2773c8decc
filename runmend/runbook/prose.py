"""Prose that would restrict a change, or make it wait.

Nothing holds a run to prose, so a runbook that changes something is refused for it.

Three measures, from strict to mild, by how surely a sentence is about the change: `restriction` beside the action
itself, `prohibition` in what introduces the whole file, `halt` in a diagnostic step.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runmend.plan.plan import PLACEHOLDER
from runmend.runbook.actions import RESERVED, Action, action_ids
from runmend.runbook.calculations import bound_items
from runmend.runbook.conditions import EXAMPLES, after_leading_if
from runmend.runbook.diagnostics import Kind, Report, quoted
from runmend.runbook.document import Block, Bullets, Code, Document, Inline, Item, Other, Part, Section

REMEDY = (
    f"write it as a condition that Runmend reads ({EXAMPLES}), take it to Notes, where it binds nothing, or "
    "leave the word out"
)
_AS_ITEMS = "write what binds as items: - **name**: `value`"
_MARKS_MAX = 30
"""Unicode's own limit, of its Stream-Safe Text Format."""

_PLACES = (
    r"(?:non-?|pre-?)?prod(?:uction)?|preprod|staging|canar(?:y|ies)|dev|qa|uat|(?:development|test|testing) "
    r"(?:namespace|cluster)|"
    r"tiers?|tenants?|teams?"
)
_PEOPLE = (
    r"approv\w*|sign(?:ed)?-?\s?off|permission|consent|ask(?:s|ed|ing)?|confirm\w*|manual(?:ly)?|by "
    r"hand|human|on-?\s?call|consult\w*|"
    r"coordinat\w*|agree\w*|review\w*|discretion|blessing|subject to|(?:some|any|no)(?:one|body)"
)
_NEGATIONS = (
    r"not|no|never|none|nothing|neither|nor|without|"
    r"(?:do|does|did|is|are|was|were|has|have|wo|ca|should|must|need|would|could)nt|"
    r"cannot(?! (?:be )?(?:pull|start|find|fetch|run its|r?each))"
)
_BOUNDS = (
    r"only|solely|exclusively|limited|restrict\w*|unless|except\w*|exclud\w*|apart from|other than|save "
    r"for|bar(?:ring)?|"
    r"outside|inside|at most|at least|"
    r"deployments|workloads|services|up to|once|twice|at a time|one by "
    r"one|batch\w*|gradual\w*|percent|half|optional(?:ly)?|"
    r"environments?|namespaces|clusters|"
    r"label(?:s|led|ed)?|annotat\w*|scope|applies to|fewer|more than|less "
    r"than|greater|exceed\w*|ignor\w*|leav(?:e|es|ing)|rarely|"
    r"sometimes|occasionally|(?:one|single) (?:container|pod|replica|deployment)"
)
_TIMES = (
    r"after\w*|before\w*|until|till|wait\w*|paus\w*|delay\w*|later|first|then|during|"
    r"(?:second|minute|hour|day)s?|mins?|(?:week|mon|tues|wednes|thurs|fri|satur|sun)(?:day|end)s?|maintenance|freeze|break|"
    r"nights?|nightly|\d+ ?(?:s|m|h|am|pm)|sleep\w*|hold off|pending"
)
_CONDITIONS = (
    r"if|when(?:ever)?|where|while|in case|provided|providing|as long as|so long "
    r"as|whether|given|assuming|suppos\w*|depend\w*|"
    r"but|however|otherwise|else|elsewhere|instead|although|though|"
    r"pre-?\s?conditions?|prerequisites?|guard\w*|conditions?|conditional(?:ly)?"
)
_ORDERS = (
    r"must|should|shall|requir\w*|needs?|needed|ensur\w*|make "
    r"sure|verify|check|skip\w*|avoid\w*|refrain\w*|stop|abort\w*|halt|"
    r"forbid\w*|prohibit\w*|disallow\w*|refus\w*|beware|caution|careful\w*|danger\w*|consider|suggest\w*|recommend\w*|propos\w*|"
    r"dry-?\s?run|simulat\w*|notif(?:y|ies)|escalat\w*|page|roll(?:s|ing|ed)? ?back|"
    r"draft|todo|tbd|wip|disabled|deprecated|obsolete"
)


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b")


_RESTRICTION = _words(_PLACES, _PEOPLE, _NEGATIONS, _BOUNDS, _TIMES, _CONDITIONS, _ORDERS)
_PROHIBITION = _words(
    r"(?:do|must|should|shall|may) not|(?:do|must|should)nt|never|not (?:be |to be "
    r")?(?:run|used?|appl(?:y|ied)|in|for|on|intended|meant)",
    r"only|unless|except\w*|wait\w*|stop|abort|skip|forbidden|prohibited",
    r"approv\w*|sign-?\s?off|permission|manual(?:ly)?|ask|confirm|by hand",
    r"pre-?\s?conditions?|prerequisites?|requirements?|guard-?\s?rails?|restrictions?|constraints?|exceptions?|limitations?|safety|scope",
    _PLACES,
)
_HEADING = _words(r"when (?:not )?to (?:use|run|apply)", r"not to (?:use|run|apply)")
_CONTROL = _words(
    r"enabled?|disabled?|active|max\w*|min\w*|limits?|cool-?\s?down|window|targets?|schedule|frequency|interval|duration|mode|namespaces?|"
    r"clusters?|regions?|selectors?|match\w*|includ\w*|hours|allow\w*|den(?:y|ied)|gates?"
)
"""Names of items that would control the action."""
_CLAUSE_END = re.compile(r"[,;:\u2013\u2014]\s+|\s-+\s|[.!]\s+")
_DOES = re.compile(
    r"(?:(?:this|the|an?|action|step|it|we|that|which|automatically|temporarily|simply|just|please|and|to|in "
    r"order to|will) )*"
    r"(?:patch|replac|set|updat|chang|switch|roll|point|swap|put|us(?:e|ing)|restor|mov|deploy|appl|fix|repair|rewrit|return|pin|reset|"
    r"substitut|correct|bump|remediat|recover|run|bring|redirect|mend|make|giv(?:e|es|ing) "
    r"the|let|get|keep|unblock|heal)\w*\b"
)
_EXPLAINS = re.compile(
    r"(?:and )?(?:so|to|which|that|whose|because|since|as|it|its|this|these|the|an?|known|thereby|thus)\b"
)
_HALT = _words(
    r"(?:do not|dont|never|must not|should not|no need to) "
    r"(?:patch|continue|proceed|change|run|apply|remediate|act|go on|touch|replace|deploy)",
    r"only (?:patch|continue|proceed|change|run|apply|remediate|act|go on|then|if|when)",
    r"before (?:patch|continu|proceed|chang|remediat|apply|act)\w*",
    r"(?:skip|stop|abort|cancel)(?: the| this)? ?(?:remediation|runbook|patch|here)",
    r"(?:and|then|,|:) (?:stop|abort|skip|halt)|^(?:stop|abort|halt)|no further|leave everything|else|otherwise",
)


def restriction(text: str) -> str | None:
    """The first words of restriction or waiting, however written, or the mark of what is struck out; None where there
    are none.
    """
    return "~~" if "~~" in text else _first(_RESTRICTION, text)


def prohibition(text: str) -> str | None:
    """The first words that forbid something or make it depend on something, in prose that may be about anything."""
    return _first(_PROHIBITION, text)


def remark(text: str) -> str | None:
    """The first clause of a description that says neither what is done nor what for: "Last resort: patch …", "patch …,
    in low season".

    A description of one clause has none.
    """
    clauses = [words for clause in _CLAUSE_END.split(_plain(text)) if (words := clause.strip(" .,;:!-"))]
    if len(clauses) == 1:
        return None
    return next(
        (
            clause
            for number, clause in enumerate(clauses)
            if not _DOES.match(clause) and not (number and _EXPLAINS.match(clause))
        ),
        None,
    )


def halt(text: str) -> str | None:
    """The first words that would stop the remediation, in a diagnostic step."""
    return _first(_HALT, text)


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(_plain(text))
    return found.group().strip() if found else None


def _plain(text: str) -> str:
    """Lower case, without apostrophes, marks and invisible letters: neither a curly quote nor a soft hyphen hides a
    word.
    """
    normal = unicodedata.normalize("NFKC", _without_long_runs_of_marks(text))
    letters = (letter for letter in normal if unicodedata.category(letter) not in ("Cf", "Mn"))
    words = re.sub(r"[\u2010-\u2015]", "-", "".join(letters))
    words = re.sub(r"['\u2019]s\b", "", words)  # "the Deployment's image" speaks of one
    return " ".join(re.sub(r"['\u2018\u2019`*\"\u201c\u201d]", "", words).replace("_", " ").split()).lower()


def _without_long_runs_of_marks(text: str) -> str:
    """A text with at most 30 marks on a letter: normalising sorts them, which takes their number squared."""
    if text.isascii():
        return text
    kept, run = [], 0
    for letter in text:
        run = run + 1 if unicodedata.combining(letter) else 0
        if run <= _MARKS_MAX:
            kept.append(letter)
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class _Text:
    """A piece of prose, with what it is for a message."""

    text: str
    line: int
    what: str


def _says(text: _Text) -> str:
    return f"{text.what} {quoted(' '.join(text.text.split()))}"


def check_items(action: Action, report: Report, *, changes: bool) -> None:
    """Look at an action's items: its description, what stands under them, and those that no placeholder asks for."""
    asked_for = {*PLACEHOLDER.findall(action.value("command")), *bound_items(action)}
    for named in action.named.values():
        beside = [_Text(text, line, f"the text under {quoted(named.name)}") for text, line in named.beside]
        if named.name == "description":
            rest = after_leading_if(named.value)
            if changes and (word := restriction(rest)):
                _refuse(f"the description of {action.action_id} says {quoted(word)}", named.line, report)
            elif changes and (words := remark(rest)):
                report.error(
                    named.line,
                    f"the description of {action.action_id} says {quoted(words)}, which is neither what is done "
                    "nor what for",
                    'say what is done ("Patch …"), what for ("so that …"), and take the rest to Notes, where it '
                    "binds nothing",
                )
            beside += [
                _Text(text, item.line, "the list under the description")
                for item in named.items
                for text in _item_texts(item)
            ]
        elif changes and named.name not in RESERVED and named.name not in asked_for:
            word = restriction(f"{named.name}: {named.marked or named.value}") or _first(_CONTROL, named.name)
            if word:
                _refuse(f"the item {quoted(named.name)} of {action.action_id} says {quoted(word)}", named.line, report)
        for text in beside:
            if changes and (word := restriction(text.text)):
                _refuse(f"{text.what} says {quoted(word)}", text.line, report)
            elif text.what != "the list under the description":  # that one is said to be unread as a whole
                report.warning(Kind.UNREAD_TEXT, text.line, f"{text.what} is not read", _AS_ITEMS)


def check_prose(document: Document, changing: frozenset[str], report: Report) -> None:
    """Look at all prose that is or may be about the actions named in `changing`, those that change something and are
    run.
    """
    acting = [action_ids(part) if part.section in (None, Section.ACTIONS) else frozenset() for part in document.parts]
    near = _near(document.parts, acting, changing)
    titled = False
    for number, (part, ids) in enumerate(zip(document.parts, acting, strict=True)):
        title = part.level == 1 and not titled and part.section is None
        titled = titled or title
        if ids:
            _check_action_part(part, report, changes=bool(ids & changing))
        elif part.section is Section.ACTIONS or (number in near and not title):
            _check_beside_actions(part, report, changes=bool(changing))
        elif changing and part.section is None:
            if part.heading and (word := _first(_HEADING, part.heading.plain)):
                _refuse(f"the heading {quoted(part.heading.plain)} says {quoted(word)}", part.line, report)
            heading = [_Text(part.heading.plain, part.line, "the heading")] if part.heading else []
            below = [text for block in part.blocks for text in _texts(block)] if title or part.heading is None else []
            _refuse_all([*heading, *below], prohibition, report)
        elif changing and part.section is Section.DIAGNOSIS:
            heading = [_Text(part.heading.plain, part.line, "the heading")] if part.heading else []
            _refuse_all([*heading, *(text for block in part.blocks for text in _texts(block))], halt, report)


def _near(parts: tuple[Part, ...], acting: list[frozenset[str]], changing: frozenset[str]) -> frozenset[int]:
    """The parts that stand above or below a changing action by their headings' levels.

    Args:
        parts: the file's.
        acting: the ids of the actions of each part.
        changing: the ids of those that change something.
    """
    near: set[int] = set()
    above: list[int] = []
    for number, part in enumerate(parts):
        while above and parts[above[-1]].level >= part.level:
            above.pop()
        if part.section is None:
            if acting[number] & changing:
                near.update(above)
            elif any(acting[one] & changing for one in above):
                near.add(number)
        above.append(number)
    return frozenset(near)


def _check_action_part(part: Part, report: Report, *, changes: bool) -> None:
    if changes and part.heading and not part.opens:
        _refuse_all([_Text(part.heading.plain, part.line, "the heading")], restriction, report)
    for block in part.blocks:
        if isinstance(block, Bullets):
            continue
        for text in _texts(block):
            if changes and _refuse_all([text], restriction, report):
                continue
            if isinstance(block, Inline):
                _warn_of_prose(text, report)
            else:
                kind = block.kind if isinstance(block, Other) else "a code block beside the list"
                report.warning(Kind.UNREAD_TEXT, block.line, f"{kind} in an action is not read", _AS_ITEMS)


def _check_beside_actions(part: Part, report: Report, *, changes: bool) -> None:
    if changes and part.heading and not part.opens:
        _refuse_all([_Text(part.heading.plain, part.line, "the heading")], restriction, report)
    for text in (text for block in part.blocks for text in _texts(block)):
        if not (changes and _refuse_all([text], restriction, report)) and part.opens:
            _warn_of_prose(text, report)


def _warn_of_prose(text: _Text, report: Report) -> None:
    report.warning(Kind.PROSE, text.line, f"{_says(text)} is prose and binds nothing", "leave it if it is for people")


def _refuse_all(texts: list[_Text], judge: Callable[[str], str | None], report: Report) -> bool:
    refused = False
    for text in texts:
        word = judge(text.text)
        if word:
            _refuse(f"{_says(text)} says {quoted(word)}", text.line, report)
            refused = True
    return refused


def _refuse(what: str, line: int, report: Report) -> None:
    report.error(line, f"{what}, and nothing would hold the change to it", REMEDY)


def _texts(block: Block) -> Iterator[_Text]:
    match block:
        case Inline():
            yield _Text(block.plain, block.line, "the paragraph")
        case Bullets():
            for item in block.items:
                for text in _item_texts(item):
                    yield _Text(text, item.line, "the list item")
        case Code():
            yield _Text(block.text, block.line, "the code block")
        case Other():
            yield _Text(block.text, block.line, block.kind)


def _item_texts(item: Item) -> Iterator[str]:
    yield item.inline.plain
    yield from (more.plain for more in item.more)
    yield from (code.text for code in item.codes)
    yield from (other.text for other in item.others)
    for child in item.items:
        yield from _item_texts(child)
