"""Which addresses may be asked: the internet's, and those of networks that the installation names."""

import ipaddress

import pytest

from runmend.core.settings import networks_in
from runmend.images.addresses import meant, refused

EVERYWHERE = networks_in("0.0.0.0/0, ::/0")
NOT_PUBLIC = {
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1"),
    "carrier-grade": ("100.64.0.1", "100.127.255.254"),
    "local": ("127.0.0.1", "127.255.0.1", "::1", "169.254.1.1", "fe80::1", "fe80::1%eth0"),
    "metadata": (
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd20:ce::254",
    ),
    "of no use on the internet": (
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8::1",
        "100::1",
        "::7f00:1",
        "64:ff9b:1::a00:1",
        "5f00::1",
    ),
    "of IPv4, as IPv6 holds it": (
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2002:a00:1::1",
        "2002:a9fe:a9fe::",
        "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe",
    ),
    "Teredo, by its server and by its client": ("2001:0:a00:1::f5ff:fffe", "2001:0:808:808::f5ff:fffe"),
}


@pytest.mark.parametrize("address", [each for several in NOT_PUBLIC.values() for each in several])
def test_what_is_not_public_is_refused_unless_its_network_is_named(address: str) -> None:
    parsed = ipaddress.ip_address(address)

    assert refused(parsed, ()).startswith("it is not public, and RUNMEND_REGISTRY_NETWORKS of the worker names no ")
    assert refused(parsed, EVERYWHERE) == ""


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "172.32.0.1", "100.128.0.1", "168.63.129.17", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_what_is_public_is_asked(address: str) -> None:
    assert refused(ipaddress.ip_address(address), ()) == ""


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0"],
)
def test_what_no_host_has_is_refused_whatever_is_named(address: str) -> None:
    assert refused(ipaddress.ip_address(address), EVERYWHERE) == "no host has it"


def test_a_network_that_is_named_allows_its_own_addresses_in_every_form_and_no_other() -> None:
    ours = networks_in("10.1.0.0/16,fd00:1::/32")

    assert [refused(ipaddress.ip_address(each), ours) for each in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5")] == [
        ""
    ] * 3
    assert refused(ipaddress.ip_address("10.2.0.1"), ours).endswith("names no network that has 10.2.0.1")
    assert refused(ipaddress.ip_address("169.254.169.254"), ours)


def test_teredo_is_refused_where_only_one_of_its_two_addresses_may_be_asked() -> None:
    teredo = ipaddress.ip_address("2001:0:a00:1::f5ff:fffd")

    assert [str(each) for each in meant(teredo)] == ["10.0.0.1", "10.0.0.2"]
    assert refused(teredo, networks_in("10.0.0.1")).endswith("names no network that has 10.0.0.2")
    assert refused(teredo, networks_in("10.0.0.0/8")) == ""
