"""The certificate of an API server on loopback, by an authority that is made when it is first asked for."""

import ssl
from functools import cache

import trustme

HOST = "127.0.0.1"


@cache
def _authority() -> trustme.CA:
    """One for each process: to make it takes longer than to make what it signs."""
    return trustme.CA(organization_name="Runmend", organization_unit_name="embedded cluster")


def authority_pem() -> bytes:
    """The authority's certificate, as a kubeconfig has it."""
    return _authority().cert_pem.bytes()


def server_context() -> ssl.SSLContext:
    """What a server on loopback speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(HOST, "localhost").configure_cert(context)
    return context
