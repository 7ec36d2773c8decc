"""Diagnostic steps: queries, what to look for in them, and sub-points.

What cannot be read stays in the plan, as manual.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from runmend.images.pull_failures import Cause
from runmend.language.verbs import verb_of
from runmend.plan.operations import Operation
from runmend.plan.plan import DiagnosticStep, Probe, SubPoint
from runmend.runbook.actions import read_named
from runmend.runbook.diagnostics import Kind, Report, Severity, quoted
from runmend.runbook.document import Bullets, Code, Document, Inline, Item, Part, Section
from runmend.runbook.kubectl import parse_command
from runmend.runbook.phrases import LONGEST, in_list, sentence
from runmend.runbook.values import Values

_PHRASES: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (Cause.PROXY, re.compile(r"\bprox(?:y|ies)")),
    (Cause.CERTIFICATE, re.compile(r"certificate|x509|\bcas?\b")),
    (Cause.PLAIN_HTTP, re.compile(r"plain http|http response|insecure registr")),
    (Cause.DNS, re.compile(r"\bdns\b|name resolution|no such host")),
    (Cause.RATE_LIMIT, re.compile(r"rate[ -]?limit|too ?many ?requests|\b429\b|throttl")),
    (Cause.PULL_QPS, re.compile(r"\bqps\b")),
    (Cause.DISK_FULL, re.compile(r"\bdisks?\b|no space left")),
    (Cause.DIGEST, re.compile(r"digest.*match|checksum|corrupt")),
    (Cause.SIGNATURE, re.compile(r"signature|unsigned")),
    (Cause.PLATFORM, re.compile(r"platform|architecture")),
    (Cause.INVALID_NAME, re.compile(r"invalid (?:image )?(?:name|reference)|short[ -]name")),
    (
        Cause.REGISTRY_DOWN,
        re.compile(r"registry (?:is |being )?(?:down|unavailable)|registry outage|connection refused|\b5(?:xx|0\d)\b"),
    ),
    (Cause.AUTHENTICATION, re.compile(r"auth|credential|permission|access denied|forbidden|\b40[13]\b|login")),
    (
        Cause.NOT_FOUND,
        re.compile(
            r"not found|\b404\b|does(?: not|nt|n't) exist|no such "
            r"(?:image|tag|manifest)|(?:missing|unknown|wrong|invalid) (?:image|tag)"
        ),
    ),
    (
        Cause.NETWORK,
        re.compile(r"network|time[ds]?[ -]?out|connecti|connectivity|unreachable|\btls\b|firewall"),
    ),
)
"""What a runbook may ask to look for: the first whose pattern is found."""
KNOWN_CAUSES = ", ".join(cause for cause in Cause if cause is not Cause.OTHER)
_BEGINS = re.compile(
    r"(?:verify|check|ensure|confirm|validate|make sure|see|determine|is|are|does|do|has|whether|that|the|"
    r"image|tag|digest|service|imagepullsecrets?|pull)\b"
)
_PULL_SECRETS = r"pull ?secrets?"
_PROBES: tuple[tuple[Probe, tuple[re.Pattern[str], ...]], ...] = tuple(
    (probe, tuple(re.compile(pattern) for pattern in patterns))
    for probe, patterns in (
        (Probe.PULL_SECRETS_CONFIGURED, (_PULL_SECRETS, r"configured|attached|referenced|\bset\b|service ?account")),
        (Probe.PULL_SECRET_VALID, (_PULL_SECRETS, r"exist|valid|correct|expired|present|credentials")),
        (Probe.IMAGE_WELL_FORMED, (r"\bimage", r"\b(?:format|well-?formed|syntax|spelling|spelled|spelt|typos?)\b")),
        (Probe.IMAGE_EXISTS, (r"\b(?:image|tag|digest|manifest)", r"\b(?:exists?|available|present|found)\b")),
        (Probe.IMAGE_WELL_FORMED, (r"\bimage (?:name|reference|ref)\b", r"\b(?:is|are) (?:correct|valid)\b")),
    )
)
"""What a sub-point asks for: the first whose patterns are all found."""
_LABELS = frozenset({"query", "command", "look for", "look_for"})
_NUMBERING = re.compile(r"^(?:step)?\s*\d*\s*[:.)]?\s*", re.IGNORECASE)


@dataclass(slots=True)
class _Draft:
    """A diagnostic step as it is being read."""

    name: str
    line: int
    query: Operation | None = None
    look_for: list[Cause] = field(default_factory=list)
    points: list[SubPoint] = field(default_factory=list)

    def done(self) -> DiagnosticStep:
        return DiagnosticStep(
            name=self.name,
            line=self.line,
            query=self.query,
            look_for=tuple(dict.fromkeys(self.look_for)),
            points=tuple(self.points),
        )


def compile_diagnosis(document: Document, report: Report) -> tuple[DiagnosticStep, ...]:
    """Compile the section Diagnostic Steps."""
    drafts = [draft for part in document.section(Section.DIAGNOSIS) for draft in _of_part(part, report)]
    return tuple(draft.done() for draft in drafts)


def _of_part(part: Part, report: Report) -> Iterator[_Draft]:
    """The steps under one heading: its list's items; or one step, where the heading is that step's own."""
    if part.heading and not part.opens and not any(item.items for item in part.items):
        yield _of_heading(part, part.heading, report)
        return
    groups: list[tuple[Item, list[Item | Code]]] = []
    for block in part.blocks:
        for item in block.items if isinstance(block, Bullets) else ():
            named = read_named(item)
            if groups and named and named.name.lower() in _LABELS:
                # Under "1." a point must be indented by three; by two, Markdown makes it a list beside it.
                groups[-1][1].append(item)
            else:
                groups.append((item, [*item.items, *item.codes]))
        if isinstance(block, Code) and groups:
            groups[-1][1].append(block)
        elif isinstance(block, Code):
            report.warning(
                Kind.UNREAD_TEXT,
                block.line,
                "a code block is not read",
                "put it under a step, as - Query: `kubectl get events …`",
            )
        elif isinstance(block, Inline) and not block.plain.endswith(":"):
            report.warning(
                Kind.UNREAD_TEXT,
                block.line,
                f"{quoted(block.plain)} is not a step, and is not read",
                "write each diagnostic step as a list item",
            )
    for item, points in groups:
        yield _of_item(item, points, report)


def _of_heading(part: Part, heading: Inline, report: Report) -> _Draft:
    draft = _Draft(_NUMBERING.sub("", heading.plain) or heading.plain, part.line)
    for block in part.blocks:
        for item in block.items if isinstance(block, Bullets) else ():
            _read_point(item, draft, report)
        if isinstance(block, Code):
            _read_query(block.text, block.line, draft, report)
    return draft


def _of_item(item: Item, points: list[Item | Code], report: Report) -> _Draft:
    draft = _Draft(item.inline.bold_start.rstrip(": ") or item.inline.plain.rstrip(":"), item.line)
    for point in points or [item]:
        if isinstance(point, Code):
            _read_query(point.text, point.line, draft, report)
        else:
            _read_point(point, draft, report)
    return draft


def _read_point(item: Item, draft: _Draft, report: Report) -> None:
    text = item.inline.plain
    label, colon, rest = text.partition(":")
    if colon and label.strip().lower() in ("query", "command"):
        codes = [span for span in item.inline.spans if span.code and span.text.strip() not in ("Query", "Command")]
        if item.codes:
            _read_query(item.codes[0].text, item.codes[0].line, draft, report)
        else:
            _read_query(codes[0].text if codes else rest, codes[0].line if codes else item.line, draft, report)
        return
    if colon and label.strip().lower() in ("look for", "look_for"):
        _read_look_for(", ".join([rest, *(child.inline.plain for child in item.items)]), item.line, draft, report)
        return
    probe = _probe(text)
    if probe is None:
        report.warning(
            Kind.NOT_DIAGNOSED,
            item.line,
            f"the diagnostic point {quoted(text)} is not understood, so it will be reported as not done",
            "do it by hand, or leave it",
        )
    draft.points.append(SubPoint(text=text, line=item.line, probe=probe))
    for child in item.items:
        _read_point(child, draft, report)


def _probe(text: str) -> Probe | None:
    words = sentence(text)
    if not _BEGINS.match(words):
        return None
    return next((probe for probe, patterns in _PROBES if all(pattern.search(words) for pattern in patterns)), None)


def _read_query(text: str, line: int, draft: _Draft, report: Report) -> None:
    scratch = Report(report.file)
    operation = parse_command(text, Values(scratch, line))
    for diagnostic in scratch.diagnostics:
        if diagnostic.severity is Severity.WARNING:
            report.warning(
                diagnostic.kind or Kind.NOT_DIAGNOSED, diagnostic.line, diagnostic.problem, diagnostic.remedy
            )
        else:
            report.warning(
                Kind.NOT_DIAGNOSED,
                diagnostic.line,
                f"the query will be reported as not done: {diagnostic.problem}",
                diagnostic.remedy,
            )
    if operation is not None and verb_of(operation).reading and draft.query is None:
        draft.query = operation
        return
    if operation is not None:
        what = "a second query" if draft.query else "a query that changes something"
        report.warning(
            Kind.NOT_DIAGNOSED,
            line,
            f"{what} will be reported as not done",
            "give it a step of its own" if draft.query else "move it to an action",
        )
    draft.points.append(SubPoint(text=f"Query: {' '.join(text.split())}", line=line))


def _read_look_for(text: str, line: int, draft: _Draft, report: Report) -> None:
    for phrase in in_list(text):
        words = phrase.lower() if len(phrase) <= LONGEST else ""
        cause = next((cause for cause, pattern in _PHRASES if pattern.search(words)), None)
        if cause is not None:
            draft.look_for.append(cause)
            continue
        report.warning(
            Kind.NOT_DIAGNOSED,
            line,
            f"Look for: {quoted(phrase)} is not understood, so it will not be looked for",
            f"write {KNOWN_CAUSES}",
        )
        draft.points.append(SubPoint(text=f"Look for: {phrase}", line=line))
