"""What expressions ask of others than Kubernetes: Prometheus, and addresses by HTTP. Pure: `runmend.outside` asks.

A question is written out in the expression, so that a run asks no more than its plan names. Its placeholders are filled
where they stand, each as the language that is asked has it: nothing that a label holds can become part of a query, or
another host.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from runmend.core.frozen import Frozen


class SampleFacts(Frozen):
    """One sample of the vector that a query of Prometheus gives."""

    labels: dict[str, str] = {}
    """Its labels: `s.labels.job`, `"pod" in s.labels`."""
    value: float
    """Its value. A number beside it has a point: `s.value < 1.0`."""

    @property
    def in_words(self) -> str:
        """`job="web", code="500"`."""
        return ", ".join(f'{name}="{value}"' for name, value in sorted(self.labels.items())) or "no labels"


class AnswerFacts(Frozen):
    """What an address answered by HTTP."""

    status: int
    """The status of the answer: `http("https://…").status == 200`."""
    body: Any = None
    """The answer as JSON, null where it is none; its fields have no types: `http("https://…").body.ready == true`."""


class Question(NamedTuple):
    """What an expression asks, as it stands there: the function, and its text with placeholders."""

    function: str
    text: str

    def __str__(self) -> str:
        return f'{self.function}("{self.text}")'


class Told(Frozen):
    """What came of a question; `unknown` says why nothing did."""

    value: float | None = None
    samples: tuple[SampleFacts, ...] = ()
    answer: AnswerFacts | None = None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Asking:
    """A function that asks outside of Kubernetes: what it gives (a type of the language), and an example's text."""

    name: str
    doc: str
    of: Literal["double", "Sample", "Answer"]
    asked: str
    found: Callable[[Told], Any]
    shape: Literal["one", "list"] = "one"

    @property
    def type(self) -> str:
        """What it gives, as the language names it."""
        return f"list({self.of})" if self.shape == "list" else self.of

    @property
    def example(self) -> str:
        """A call of it."""
        quoting = "'" if '"' in self.asked else '"'
        return f"{self.name}({quoting}{self.asked}{quoting})"


ASKING: Final = (
    Asking(
        "prometheus",
        "the one value that a query of Prometheus gives now; no sample, several, or an error cannot be told. A number "
        'beside it has a point: `prometheus("up") == 1.0`',
        "double",
        'up{namespace="{namespace}"}',
        lambda told: told.value,
    ),
    Asking(
        "samples",
        "the samples that a query of Prometheus gives now; none at all, or an error, cannot be told",
        "Sample",
        'up{namespace="{namespace}"}',
        lambda told: told.samples,
        shape="list",
    ),
    Asking(
        "http",
        "what an address answers to GET; its host must be among `RUNMEND_HTTP_HOSTS`, and what cannot be reached "
        "cannot be told",
        "Answer",
        "https://status.example.com/health",
        lambda told: told.answer,
    ),
)
"""The functions, in the order of the reference."""
OF_PROMETHEUS: Final = frozenset({"prometheus", "samples"})
_PLACEHOLDER: Final = re.compile(r"\{(?P<name>(?:alert\.)?[A-Za-z_][A-Za-z0-9_]*)\}")
_LONGEST_VALUE: Final = 300
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")
_STAND_IN: Final = "x"


class NoQuestion(ValueError):
    """A question that cannot be asked as it is written. `remedy` says what to write."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class _Part(NamedTuple):
    """A piece of a question; `name` is its placeholder's, and `quoted` the quotes around that."""

    text: str
    name: str = ""
    quoted: str = ""
    regex: bool = False


def placeholders_of(question: Question) -> tuple[str, ...]:
    """The names of its placeholders, `alert.severity` of the alert's labels.

    Raises:
        NoQuestion: it cannot be asked.
    """
    if not question.text.strip():
        raise NoQuestion(f"{question.function} is asked for nothing", "write what it is to ask for")
    parts = tuple(_parts_of(question))
    if question.function == "http":
        _check_address("".join(_STAND_IN if part.name else part.text for part in parts))
    return tuple(dict.fromkeys(part.name for part in parts if part.name))


def filled(question: Question, values: Mapping[str, str]) -> str:
    """A question's text with its placeholders filled.

    Raises:
        ValueError: a placeholder has no value, or one that cannot be filled in; the message says which.
    """
    text = ""
    for part in _parts_of(question):
        if not part.name:
            text += part.text
            continue
        value = values.get(part.name, "")
        if not value:
            raise ValueError(f"there is no {part.name} to fill in")
        if not value.isprintable() or len(value) > _LONGEST_VALUE:
            raise ValueError(f"{part.name} holds what cannot be filled in")
        text += escaped(value, regex=part.regex, quoted=part.quoted) if part.quoted else quote(value, safe="")
    return text


def escaped(value: str, *, regex: bool = False, quoted: str = '"') -> str:
    """A value as it stands within the quotes of a label's matcher."""
    if regex:
        value = _SPECIAL.sub(r"\\\g<0>", value)
    return value.replace("\\", "\\\\").replace(quoted, f"\\{quoted}")


def _parts_of(question: Question) -> Iterator[_Part]:
    if question.function == "http":
        yield from _pieces(question.text)
    else:
        yield from _of_query(question.text)


def _pieces(text: str, quoted: str = "", *, regex: bool = False) -> Iterator[_Part]:
    at = 0
    for found in _PLACEHOLDER.finditer(text):
        yield _Part(text[at : found.start()])
        yield _Part(found[0], found["name"], quoted, regex)
        at = found.end()
    yield _Part(text[at:])


_STRING: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*""", re.DOTALL)


def _of_query(text: str) -> Iterator[_Part]:
    """A query's pieces. Only within the quotes of a label's matcher may a placeholder stand: anywhere else its value
    could be taken for a part of the query.
    """
    at = 0
    for found in _STRING.finditer(text):
        before = text[at : found.start()]
        yield from _outside_quotes(before)
        at = found.end()
        matched = re.search(r"(=~|!~|!=|(?<![=!<>])=)\s*$", text[: found.start()])
        quoted = found[0][0]
        if not _PLACEHOLDER.search(found[0]):
            yield _Part(found[0])
        elif matched is None or quoted not in "\"'":
            raise _misplaced(found[0])
        else:
            yield from _pieces(found[0], quoted, regex=matched[1] in ("=~", "!~"))
    yield from _outside_quotes(text[at:])


def _outside_quotes(text: str) -> Iterator[_Part]:
    if found := _PLACEHOLDER.search(text):
        raise _misplaced(found[0])
    yield _Part(text)


def _misplaced(text: str) -> NoQuestion:
    return NoQuestion(
        f"a placeholder of a query stands in {text[:60]}, outside of the quotes of a label's matcher",
        'write it as a label\'s value: up{namespace="{namespace}"}',
    )


def _check_address(text: str) -> None:
    remedy = 'write the whole address: http("https://status.example.com/health")'
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise NoQuestion(f"{text} is no address: {error}", remedy) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NoQuestion(f"{text} is no address of http or https", remedy)
    if parts.username is not None or parts.fragment or not text.isascii() or re.search(r"[\s\\]", text):
        raise NoQuestion(f"{text} holds a user, a fragment, or characters that an address has not", remedy)
