"""Which addresses a registry's name means, and which of them may be asked. Called by `runmend.images.registry`.

Names come from the cluster's objects and from registries' answers, so whoever may create a pod chooses them. What is
not on the public internet (a private network, the cluster's own, the metadata service of a cloud) is asked only where
the installation names its network.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_PUBLIC_IPV6: Final = ipaddress.IPv6Network("2000::/3")
"""All that has been given out of IPv6 for the internet."""
_ONLY_LOOK_PUBLIC: Final = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24")))
"""A machine in Azure reaches its own host by the first; the second is kept for protocols, and Oracle's metadata service
is in it. Python up to 3.12 takes most of it for global."""
_NO_HOST_HAS: Final = tuple(
    map(ipaddress.ip_network, ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"))
)


def refused(address: Address, allowed: Sequence[Network]) -> str:
    """Why an address may not be asked; empty where it may be.

    Args:
        address: an IPv6 address that holds an IPv4 address counts as that one, or both where it holds two.
        allowed: networks that may be asked though they are not public.
    """
    for each in meant(address):
        if any(each in network for network in _NO_HOST_HAS):
            return "no host has it"
        if not _is_public(each) and not any(each in network for network in allowed):
            return f"it is not public, and RUNMEND_REGISTRY_NETWORKS of the worker names no network that has {each}"
    return ""


def meant(address: Address) -> tuple[Address, ...]:
    """The addresses that packets for an address may get to: those of IPv4 that it holds, else itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return (address.ipv4_mapped,)
        if address.sixtofour is not None:
            return (address.sixtofour,)
        if address.teredo is not None:
            return address.teredo
        if address in _NAT64:
            return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address,)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_IPV6:
        return False
    return address.is_global and not any(address in network for network in _ONLY_LOOK_PUBLIC)


async def look_up(host: str) -> tuple[Address, ...]:
    """Resolve a name or take an address; nothing where there is none.

    In a thread of our own that nobody waits for: the loop's executor would be joined when the loop ends, long after our
    time is spent.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[Address, ...]] = loop.create_future()

    def deliver(addresses: tuple[Address, ...]) -> None:
        if not answer.done():
            answer.set_result(addresses)

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # UnicodeError: a label of more than 63 characters
            found = []
        addresses = tuple(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))
        with suppress(RuntimeError):  # the loop is closed: the time was spent
            loop.call_soon_threadsafe(deliver, addresses)

    threading.Thread(target=resolve, name="registry-lookup", daemon=True).start()
    return await answer
