"""What the kubelet says of a failed pull, told apart. The messages are those of containerd and CRI-O, shortened only by
their names."""

import pytest

from runmend.images.pull_failures import Cause, cause_of

IMAGE = "registry.example/x:missing"
PULL = f'Failed to pull image "{IMAGE}": '
RESOLVE = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '


@pytest.mark.parametrize(
    "message",
    [
        f"{PULL}rpc error: code = NotFound desc = {RESOLVE}{IMAGE}: not found",
        f"{PULL}rpc error: code = Unknown desc = reading manifest missing in {IMAGE}: manifest unknown",
        f"{PULL}Error response from daemon: manifest for {IMAGE} not found: manifest unknown: manifest unknown",
        f"{PULL}rpc error: code = Unknown desc = reading manifest x: name unknown: repository x not found",
        (
            f"{PULL}{RESOLVE}unexpected status from HEAD request to https://registry.example/v2/x/manifests/missing: "
            "404 Not Found"
        ),
        # Docker Hub does not say whether a repository is missing or private.
        (
            f"{PULL}Error response from daemon: pull access denied for x, repository does not exist or may require "
            "'docker login': denied"
        ),
    ],
)
def test_a_missing_image(message: str) -> None:
    assert cause_of(message) is Cause.NOT_FOUND


@pytest.mark.parametrize(
    "message",
    [
        f"{PULL}{RESOLVE}failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
        f"{PULL}{RESOLVE}failed to authorize: failed to fetch oauth token: unexpected status: 403 Forbidden",
        f"{PULL}{RESOLVE}pull access denied, insufficient_scope: authorization failed",
        f"{PULL}rpc error: code = Unknown desc = unable to retrieve auth token: unauthorized: authentication required",
        f"{PULL}no basic auth credentials",
    ],
)
def test_a_refused_login(message: str) -> None:
    assert cause_of(message) is Cause.AUTHENTICATION


@pytest.mark.parametrize(
    "message",
    [
        (
            f'{PULL}{RESOLVE}failed to do request: Head "https://registry.example/v2/x/manifests/missing": dial tcp '
            "192.0.2.1:443: i/o timeout"
        ),
        f"{PULL}{RESOLVE}failed to do request: dial tcp: lookup registry.example on 10.0.0.10:53: no such host",
        f"{PULL}{RESOLVE}failed to do request: dial tcp 192.0.2.1:443: connect: connection refused",
        f"{PULL}{RESOLVE}failed to do request: net/http: TLS handshake timeout",
        (
            f"{PULL}{RESOLVE}failed to do request: tls: failed to verify certificate: x509: certificate signed by "
            "unknown authority"
        ),
        (
            f"{PULL}{RESOLVE}unexpected status from HEAD request to https://registry.example/v2/x/manifests/1: 503 "
            "Service Unavailable"
        ),
        f"{PULL}rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    ],
)
def test_a_network_that_fails(message: str) -> None:
    assert cause_of(message) is Cause.NETWORK


@pytest.mark.parametrize(
    "message", ["", "Error: ImagePullBackOff", f'Back-off pulling image "{IMAGE}"', f"{PULL}no space left on device"]
)
def test_a_message_that_names_no_known_cause(message: str) -> None:
    assert cause_of(message) is Cause.OTHER


@pytest.mark.parametrize("tag", ["404", "403", "unauthorized", "forbidden"])
def test_a_name_in_a_message_is_no_cause(tag: str) -> None:
    image = f"registry.example/app:{tag}"
    said = (
        f'Failed to pull image "{image}": failed to resolve reference "{image}": failed to do request: dial tcp: '
        "i/o timeout"
    )
    assert cause_of(said) is Cause.NETWORK
