"""What may name an object, a runbook or an action."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.core.names import dns_label, dns_subdomain, identifier

CHECKS = (dns_label, dns_subdomain, identifier)
Check = Callable[[str], str]


@pytest.mark.parametrize("name", ["a", "shop", "web-1", "0", "1a", "a" * 63])
def test_a_label_is_returned_as_it_is(name: str) -> None:
    assert dns_label(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "a.b", "Web", "a_b", "a b", "../etc", "a;b", "$(id)", "a/b", "w\u0435b", "web\uff11", "\uff57eb"],
)
def test_what_is_not_a_label_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a DNS-1123 label"):
        dns_label(name)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ["web\n", "web\r\n", "web\x00", "web\u2028", "\nweb"])
def test_a_line_break_or_control_character_is_refused(check: Check, name: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        check(name)


@pytest.mark.parametrize("name", ["web-7d4.shop", "ip-10-0-0-1.ec2.internal", "a" * 253])
def test_a_subdomain_is_returned_as_it_is(name: str) -> None:
    assert dns_subdomain(name) == name


@pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "a.", "a.-b", "a-.b", "A.b"])
def test_what_is_not_a_subdomain_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a DNS-1123 subdomain"):
        dns_subdomain(name)


@pytest.mark.parametrize("name", ["patch_image", "RB_IMAGEPULL", "a", "A-1", "a" * 63])
def test_an_identifier_is_returned_as_it_is(name: str) -> None:
    assert identifier(name) == name


@pytest.mark.parametrize("name", ["", "1a", "_a", "-a", "a.b", "runmend.observe", "a b", "é"])
def test_what_is_not_an_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an id: a letter"):
        identifier(name)


@pytest.mark.parametrize(("check", "longest"), [(dns_label, 63), (dns_subdomain, 253), (identifier, 63)])
def test_one_character_too_many_is_refused_and_counted(check: Check, longest: int) -> None:
    with pytest.raises(ValueError, match=rf"has {longest + 1} characters; expected at most {longest}"):
        check("a" * (longest + 1))


def test_ten_kilobytes_are_not_quoted_whole() -> None:
    with pytest.raises(ValueError) as refused:
        dns_label("\x01" * 10_000)

    assert len(str(refused.value)) < 130


def test_a_look_alike_letter_is_shown_for_what_it_is() -> None:
    with pytest.raises(ValueError, match=r"'w\\u0435b' is not"):
        dns_label("w\u0435b")


@given(st.text(), st.sampled_from(CHECKS))
def test_any_text_is_returned_unchanged_or_refused_in_one_line(text: str, check: Check) -> None:
    try:
        returned = check(text)
    except ValueError as refused:
        why = str(refused)
    else:
        assert returned == text
        why = text

    assert len(why) < 300
    assert why.isprintable()
