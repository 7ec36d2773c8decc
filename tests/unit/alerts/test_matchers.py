"""Matchers on labels, as Alertmanager writes them."""

import time

import pytest

from runmend.alerts.matchers import exclude_each_other, read_matcher


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('team="payments"', 'team="payments"'),
        ("team = payments", 'team="payments"'),
        ("namespace!~'kube-.*'", 'namespace!~"kube-.*"'),
        ('severity =~ "a|b"', 'severity=~"a|b"'),
        ("team!=", 'team!=""'),
        (r'said="a \"b\""', 'said="a "b""'),
    ],
)
def test_a_matcher_is_read(written: str, shown: str) -> None:
    assert str(read_matcher(written)) == shown


@pytest.mark.parametrize(
    ("written", "value", "lets_through"),
    [
        ("a=x", "x", True),
        ("a=x", "xy", False),
        ("a!=x", "", True),
        ("a=", "", True),
        ("a=~x|y", "y", True),
        ("a=~x", "xy", False),
        ("a=~x|yz", "xyz", False),
        ("a!~k.*", "kube", False),
        ("a!~k.*", "shop", True),
    ],
)
def test_a_value_is_let_through(written: str, value: str, *, lets_through: bool) -> None:
    assert read_matcher(written).accepts(value) is lets_through
    assert read_matcher(written).matches({"a": value} if value else {}) is lets_through


@pytest.mark.parametrize("written", ["", "a", "1a=b", "a b=c", "=x", "a=~(", "a=~(?=x)", "a=~\\", f"a={'x' * 500}"])
def test_what_is_none_is_told(written: str) -> None:
    with pytest.raises(ValueError, match=r"no matcher|no pattern"):
        read_matcher(written)


def test_no_pattern_makes_a_text_slow() -> None:
    began = time.process_time()
    assert not read_matcher("a=~(a+)+b").accepts("a" * 20_000)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("some", "others", "apart"),
    [
        (["a=x"], ["a=y"], True),
        (["a=x"], ["a!=x"], True),
        (["a=~y|z"], ["a=x"], True),
        (["a=x"], ["b=x"], False),
        (["a=x"], ["a=~x|y"], False),
        (["a=~x"], ["a=~y"], False),
        ([], ["a=x"], False),
    ],
)
def test_two_lists_may_exclude_each_other(some: list[str], others: list[str], *, apart: bool) -> None:
    assert exclude_each_other(map(read_matcher, some), map(read_matcher, others)) is apart
