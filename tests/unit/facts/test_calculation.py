"""Calculations: numbers with units, and errors that say where."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.core.quantities import byte_count, bytes_text, millicores, millicores_text
from runmend.facts.calculation import compile_calculation, number_of, text_of
from runmend.facts.expressions import ExpressionError

NAMES = {"current_limit": "memory", "replicas": "count", "wait": "duration"}


def told(source: str, resource: str = "memory", **texts: str) -> str:
    units = {**NAMES, "current_limit": resource}
    made = compile_calculation(source, units, resource)  # type: ignore[arg-type]
    return text_of(
        made.result({name: number_of(text, units[name]) for name, text in texts.items()}),  # type: ignore[arg-type]
        made.unit,
    )


@pytest.mark.parametrize(
    ("source", "texts", "result"),
    [
        ("max(256Mi, current_limit * 2)", {"current_limit": "64Mi"}, "256Mi"),
        ("max(256Mi, current_limit * 2)", {"current_limit": "0.5Gi"}, "1Gi"),
        ("min(4Gi, current_limit + 512Mi, 1Ti)", {"current_limit": "2Gi"}, "2560Mi"),
        ("current_limit * 1.5", {"current_limit": "1Gi"}, "1536Mi"),
        ("2 * current_limit", {"current_limit": "1G"}, "2G"),
        ("current_limit / 3", {"current_limit": "1Gi"}, "357913942"),
        ("round(current_limit / 3, 1Mi)", {"current_limit": "1Gi"}, "341Mi"),
        ("current_limit < 256Mi ? 256Mi : current_limit * 2", {"current_limit": "1Gi"}, "2Gi"),
        ("round(replicas * 1.5)", {"replicas": "3"}, "5"),
        ("replicas * 1.5", {"replicas": "3"}, "5"),
        ("replicas + 1", {"replicas": "0"}, "1"),
        ("max(5m, wait * 2)", {"wait": "90s"}, "300s"),
        ("current_limit / 256Mi + replicas", {"current_limit": "1Gi", "replicas": "2"}, "6"),
    ],
)
def test_a_calculation_gives_a_number_with_its_unit(source: str, texts: dict[str, str], result: str) -> None:
    assert told(source, **texts) == result


def test_thousandths_of_a_processor_are_meant_where_a_processor_is() -> None:
    assert told("max(500m, current_limit * 3)", "cpu", current_limit="100m") == "500m"
    assert told("current_limit * 3", "cpu", current_limit="0.1") == "300m"
    assert told("current_limit * 4", "cpu", current_limit="0.5") == "2"


@pytest.mark.parametrize(
    ("source", "said", "column"),
    [
        ("max(256, current_limit)", "max of a plain number and memory, such as 256Mi cannot be told", 1),
        ("current_limit + 5m", r"\+ of memory, such as 256Mi and a duration, such as 5m cannot be told", 1),
        ("current_limit * current_limit", r"\* of memory, .* and memory, .* has no meaning", 1),
        ("2 / current_limit", "/ of a plain number and memory", 1),
        ("max(256Mi, curent_limit * 2)", "there is no 'curent_limit'", 12),
        ("max(256Mi)", "max does not take that many numbers", 1),
        ("256Mx + current_limit", "is no quantity such as 256Mi", 1),
        ("current_limit * ", "Syntax error", None),
        ("current_limit > 1Mi", "must be a number", 1),
        ('"a"', "has no meaning in a calculation", 1),
        ("pods.size()", "has no meaning in a calculation", 5),
        ("[1][0]", "has no meaning in a calculation", 1),
        ("bytes", "'bytes' is a type, and no number", 1),
        ("", "Syntax error", None),
        ("1 + " * 200 + "1", "at most 500 are read", 1),
    ],
)
def test_what_is_wrong_is_said_with_its_column(source: str, said: str, column: int | None) -> None:
    with pytest.raises(ExpressionError, match=said) as raised:
        compile_calculation(source, NAMES, "memory")  # type: ignore[arg-type]

    assert column in (None, raised.value.column)


@pytest.mark.parametrize(
    "source", ["current_limit / 0", "current_limit - 1Gi", "round(current_limit, current_limit * 0)"]
)
def test_what_is_no_number_or_below_0_is_none(source: str) -> None:
    made = compile_calculation(source, NAMES, "memory")  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r"is (inf|nan|-)"):
        made.result({"current_limit": 1024})


def test_its_words_show_each_name_with_its_value() -> None:
    made = compile_calculation("max(256Mi, current_limit * 2)", NAMES, "memory")  # type: ignore[arg-type]

    assert made.with_values({"current_limit": "256Mi"}) == "max(256Mi, current_limit 256Mi * 2)"
    assert made.names == {"current_limit"}


@given(st.text(max_size=30) | st.text("max(min,) 0123456789.MiGk*+-/?:<>current_limit", max_size=40))
def test_no_text_raises_anything_but_our_error(source: str) -> None:
    with suppress(ExpressionError, ValueError):
        made = compile_calculation(source, NAMES, "memory")  # type: ignore[arg-type]
        assert made.result(dict.fromkeys(made.names, 7)) >= 0


@given(st.integers(0, 2**50))
def test_what_is_written_reads_as_the_same_number(number: int) -> None:
    assert byte_count(bytes_text(number)) == number
    assert millicores(millicores_text(number)) == number
