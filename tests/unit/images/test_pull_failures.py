"""Why an image could not be pulled, told apart in the kubelet's events.

The messages are in the form that containerd, CRI-O and Docker give them; names and addresses are made up.
"""

from itertools import combinations

import pytest

from runmend.images.pull_failures import Cause, cause_of, says_why

IMAGE = "registry.example/team/app:1.4"
REPOSITORY = "registry.example/team/app"
PULL = f'Failed to pull image "{IMAGE}": '
UNPACK = f'failed to pull and unpack image "{IMAGE}": '
RESOLVE = f'{UNPACK}failed to resolve reference "{IMAGE}": '
RPC = "rpc error: code = Unknown desc = "
DOCKER = f"{RPC}Error response from daemon: "
MANIFEST = "https://registry.example/v2/team/app/manifests/1.4"
HEAD = f'failed to do request: Head "{MANIFEST}": '
SHA = "sha256:4691cba88ac487820a395e741810ec7f0fac46e64ce8f7bae21cbc4527ed8362"
BLOB = f"https://registry.example/v2/team/app/blobs/{SHA}"
TOKEN = "https://auth.registry.example/token?scope=repository%3Ateam%2Fapp%3Apull&service=registry.example"
PING = 'pinging container registry registry.example: Get "https://registry.example/v2/": '

CONTAINERD = {
    Cause.AUTHENTICATION: (
        f"{RPC}{RESOLVE}failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
        (
            f"{RESOLVE}failed to authorize: failed to fetch oauth token: unexpected status from GET request to "
            f"{TOKEN}: 403 Forbidden"
        ),
        (
            f"{RPC}{RESOLVE}pull access denied, repository does not exist or may require authorization: server "
            "message: insufficient_scope: authorization failed"
        ),
        (
            f"{RPC}{RESOLVE}pull access denied, repository does not exist or may require authorization: authorization "
            "failed: no basic auth credentials"
        ),
        f"{RPC}{RESOLVE}unexpected status code [manifests 1.4]: 401 Unauthorized",
        f"{RESOLVE}unexpected status from HEAD request to {MANIFEST}: 403 Forbidden",
        f"{RPC}{RESOLVE}failed to authorize: failed to fetch oauth token: Post: incorrect username or password",
        (
            f"{RPC}{RESOLVE}unexpected status from HEAD request to {MANIFEST}: 400 Bad Request: Your authorization "
            "token has expired. Reauthenticate and try again."
        ),
    ),
    Cause.NOT_FOUND: (
        f"rpc error: code = NotFound desc = {RESOLVE}{IMAGE}: not found",
        f"{RESOLVE}unexpected status from HEAD request to {MANIFEST}: 404 Not Found",
        (
            f"rpc error: code = NotFound desc = {UNPACK}failed to copy: httpReadSeeker: failed open: could not fetch "
            f"content descriptor {SHA} (application/vnd.oci.image.config.v1+json) from remote: not found"
        ),
    ),
    Cause.PLATFORM: (
        f"rpc error: code = NotFound desc = {UNPACK}no match for platform in manifest: not found",
        f"rpc error: code = NotFound desc = {UNPACK}no match for platform in manifest {SHA}: not found",
        f"{RPC}{UNPACK}no match for current platform linux/arm/v7 in manifest {SHA}: not found",
        f"{UNPACK}no match for platform in manifest {SHA}: not found",
    ),
    Cause.INVALID_NAME: (f'{RPC}failed to parse image reference "{IMAGE}": invalid reference format',),
    Cause.RATE_LIMIT: (
        (
            f"{RPC}{UNPACK}failed to copy: httpReadSeeker: failed open: unexpected status code {MANIFEST}: 429 Too "
            "Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase "
            "the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"
        ),
        f"{RESOLVE}unexpected status from HEAD request to {MANIFEST}: 429 Too Many Requests",
        (
            f"{RESOLVE}failed to authorize: failed to fetch oauth token: unexpected status from POST request to "
            "https://auth.docker.io/token: 429 Too Many Requests"
        ),
        (
            f"{UNPACK}failed to copy: httpReadSeeker: failed open: unexpected status from GET request to {MANIFEST}: "
            "429 Too Many Requests: toomanyrequests: You have reached your unauthenticated pull rate limit."
        ),
    ),
    Cause.DISK_FULL: (
        (
            f"{RPC}{UNPACK}failed to extract layer {SHA}: write /var/lib/containerd/io.containerd.snapshotter/"
            "snapshots/105/fs/usr/lib/libdns.so.16: no space left on device: unknown"
        ),
        (
            f"{UNPACK}failed to copy: write /var/lib/containerd/io.containerd.content.v1.content/ingest/9f2e/data: no "
            "space left on device"
        ),
        f"{UNPACK}failed to prepare extraction snapshot: mkdir /var/lib/containerd/tmp: disk quota exceeded",
    ),
    Cause.DIGEST: (
        (
            f'rpc error: code = FailedPrecondition desc = {UNPACK}failed commit on ref "layer-{SHA}": unexpected '
            f"commit digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, expected {SHA}: "
            "failed precondition"
        ),
        (
            f'rpc error: code = FailedPrecondition desc = {UNPACK}failed commit on ref "layer-{SHA}": "layer-{SHA}" '
            "failed size validation: 31348 != 31357: failed precondition"
        ),
    ),
    Cause.DNS: (
        f"{RPC}{RESOLVE}{HEAD}dial tcp: lookup registry.example on 10.0.0.10:53: no such host",
        f"{RESOLVE}{HEAD}dial tcp: lookup registry.example: Temporary failure in name resolution",
        f"{RPC}{RESOLVE}{HEAD}dial tcp: lookup registry.example on 192.0.2.36:53: server misbehaving",
        (
            f"{RESOLVE}{HEAD}dial tcp: lookup registry.example on 127.0.0.53:53: read udp "
            "127.0.0.1:49586->127.0.0.53:53: i/o timeout"
        ),
    ),
    Cause.PROXY: (
        f"{RPC}{RESOLVE}{HEAD}proxyconnect tcp: dial tcp 127.0.0.1:1082: connect: connection refused",
        f"{RESOLVE}{HEAD}proxyconnect tcp: dial tcp: lookup proxy.corp.example on 10.0.0.2:53: no such host",
        f"{RESOLVE}{HEAD}Proxy Authentication Required",
        f"{RESOLVE}{HEAD}proxyconnect tcp: tls: first record does not look like a TLS handshake",
    ),
    Cause.CERTIFICATE: (
        f"{RPC}{RESOLVE}{HEAD}x509: certificate signed by unknown authority",
        (
            f"{RESOLVE}{HEAD}tls: failed to verify certificate: x509: certificate has expired or is not yet valid: "
            "current time 2025-03-01T10:00:00Z is after 2025-02-28T23:59:59Z"
        ),
        (
            f"{RESOLVE}{HEAD}tls: failed to verify certificate: x509: certificate is valid for ingress.local, not "
            "registry.example"
        ),
        f"{RESOLVE}{HEAD}x509: cannot validate certificate for 192.0.2.7 because it doesn't contain any IP SANs",
        f"{RESOLVE}{HEAD}remote error: tls: bad certificate",
    ),
    Cause.PLAIN_HTTP: (f"{RPC}{RESOLVE}{HEAD}http: server gave HTTP response to HTTPS client",),
    Cause.REGISTRY_DOWN: (
        f"{RPC}{RESOLVE}{HEAD}dial tcp 192.0.2.1:443: connect: connection refused",
        f"{RESOLVE}unexpected status from HEAD request to {MANIFEST}: 503 Service Unavailable",
        f"{UNPACK}failed to copy: httpReadSeeker: failed open: unexpected status code {BLOB}: 502 Bad Gateway",
        f"{RESOLVE}unexpected status from HEAD request to {MANIFEST}: 522 ",
        (
            f"{RESOLVE}failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
            f"{TOKEN}: 500 Internal Server Error"
        ),
    ),
    Cause.NETWORK: (
        f"{RPC}{RESOLVE}{HEAD}dial tcp 192.0.2.1:443: i/o timeout",
        (
            f"rpc error: code = DeadlineExceeded desc = {UNPACK}failed to copy: httpReadSeeker: failed open: context "
            "deadline exceeded"
        ),
        f"{RESOLVE}{HEAD}net/http: TLS handshake timeout",
        f"{RPC}{UNPACK}failed to copy: read tcp 10.0.0.5:41234->192.0.2.1:443: read: connection reset by peer",
        f"{RESOLVE}{HEAD}EOF",
        f"{RESOLVE}{HEAD}dial tcp 192.0.2.1:443: connect: no route to host",
        f"{RESOLVE}{HEAD}dial tcp [2001:db8::1]:443: connect: network is unreachable",
        (
            f'{RESOLVE}failed to authorize: failed to fetch anonymous token: Get "{TOKEN}": net/http: request canceled '
            "while waiting for connection (Client.Timeout exceeded while awaiting headers)"
        ),
        f"{UNPACK}failed to copy: stream error: stream ID 9; INTERNAL_ERROR; received from peer",
    ),
    Cause.PULL_QPS: ("pull QPS exceeded",),
    Cause.OTHER: (
        f"{RESOLVE}unexpected media type text/html for {SHA}",
        f"rpc error: code = Canceled desc = {UNPACK}context canceled",
        (
            'rpc error: code = Unavailable desc = connection error: desc = "transport: error while dialing: dial unix '
            '/run/containerd/containerd.sock: connect: connection refused"'
        ),
        (
            f'{UNPACK}failed to prepare extraction snapshot "extract-1 {SHA}": mkdir /var/lib/containerd: permission '
            "denied"
        ),
    ),
}
CRI_O = {
    Cause.AUTHENTICATION: (
        f"{RPC}reading manifest 1.4 in {REPOSITORY}: unauthorized: access to the requested resource is not authorized",
        (
            f"{RPC}Error reading manifest 1.4 in {REPOSITORY}: errors:\ndenied: requested access to the resource is "
            "denied\nunauthorized: authentication required\n"
        ),
        (
            f"unable to pull image or OCI artifact: pull image err: initializing source docker://{IMAGE}: reading "
            f"manifest 1.4 in {REPOSITORY}: denied"
        ),
        (
            f"initializing source docker://{IMAGE}: unable to retrieve auth token: invalid username/password: "
            "unauthorized: authentication required"
        ),
        (
            f"initializing source docker://{IMAGE}: Requesting bearer token: invalid status code from registry 403 "
            "(Forbidden)"
        ),
        (
            f"{RPC}reading manifest 1.4 in {REPOSITORY}: Your authorization token has expired. Reauthenticate and try "
            "again."
        ),
    ),
    Cause.NOT_FOUND: (
        f"{RPC}reading manifest 1.4 in {REPOSITORY}: manifest unknown: manifest unknown",
        (
            f"{RPC}reading manifest 1.4 in {REPOSITORY}: name unknown: The repository with name 'team/app' does not "
            "exist in the registry with id '123456789012'"
        ),
    ),
    Cause.PLATFORM: (
        (
            f"{RPC}Error choosing image instance: no image found in manifest list for architecture arm64, variant v8, "
            "OS linux"
        ),
        'choosing image instance: no image found in image index for architecture "arm64", variant "v8", OS "linux"',
        (
            f"choosing an image from manifest list docker://{IMAGE}: no image found in image index for architecture "
            '"arm64", variant "v8", OS "linux"'
        ),
        f'{RPC}Image architecture mismatch: image uses "amd64", expecting "arm64"',
        f'{RPC}Image operating system mismatch: image uses OS "windows"+architecture "amd64", expecting one of "linux"',
    ),
    Cause.INVALID_NAME: (
        "short name mode is enforcing, but image name alpine:latest returns ambiguous list",
        (
            f'{RPC}short-name "app:1.4" did not resolve to an alias and no unqualified-search registries are defined '
            'in "/etc/containers/registries.conf"'
        ),
    ),
    Cause.RATE_LIMIT: (
        (
            f"{RPC}Error reading manifest 1.4 in {REPOSITORY}: toomanyrequests: You have reached your pull rate limit. "
            "You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"
        ),
        f"initializing source docker://{IMAGE}: reading manifest 1.4 in {REPOSITORY}: toomanyrequests: Rate exceeded",
    ),
    Cause.DISK_FULL: (
        (
            f'{RPC}writing blob: storing blob to file "/var/tmp/storage3120/1": write /var/tmp/storage3120/1: no space '
            "left on device"
        ),
    ),
    Cause.DIGEST: (f"{RPC}Manifest does not match provided manifest digest {SHA}",),
    Cause.SIGNATURE: (
        "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists",
        (
            f"{RPC}copying system image from manifest list: Source image rejected: A signature was required, but no "
            "signature exists"
        ),
        f"Source image rejected: Running image docker://{IMAGE} is rejected by policy.",
        (
            "SignatureValidationFailed: Source image rejected: Required email security@example.org not found (got "
            '["dev@example.org"])'
        ),
    ),
    Cause.DNS: (f"{RPC}error {PING}dial tcp: lookup registry.example: device or resource busy",),
    Cause.PROXY: (f"{RPC}error {PING}proxyconnect tcp: dial tcp: lookup http: Temporary failure in name resolution",),
    Cause.CERTIFICATE: (f"{RPC}{PING}x509: certificate relies on legacy Common Name field, use SANs instead",),
    Cause.PLAIN_HTTP: (f"{RPC}{PING}http: server gave HTTP response to HTTPS client",),
    Cause.REGISTRY_DOWN: (
        f"RegistryUnavailable: {PING}dial tcp 192.0.2.1:443: connect: connection refused",
        (
            "rpc error: code = 2 desc = Error reading signatures: received unexpected HTTP status: 500 Internal Server "
            "Error"
        ),
        (
            f"{RPC}initializing source docker://{IMAGE}: reading manifest 1.4 in {REPOSITORY}: received unexpected "
            "HTTP status: 504 Gateway Timeout"
        ),
    ),
    Cause.NETWORK: (f"{RPC}{PING}dial tcp 192.0.2.1:443: i/o timeout",),
}
DOCKERD = {
    Cause.AUTHENTICATION: (
        f"{DOCKER}Get {MANIFEST}: no basic auth credentials",
        (
            f"{DOCKER}pull access denied for {REPOSITORY}, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied"
        ),
        f"{DOCKER}unauthorized: authentication required",
        f"{DOCKER}Your Authorization Token has expired. Please run 'aws ecr get-login' to fetch a new one.",
        f"{DOCKER}denied: Your authorization token has expired. Reauthenticate and try again.",
        f"{DOCKER}ExpiredTokenException: The security token included in the request is expired",
        (
            f'{DOCKER}Head "{MANIFEST}": denied: Permission "artifactregistry.repositories.downloadArtifacts" denied '
            "on resource (or it may not exist)"
        ),
    ),
    Cause.NOT_FOUND: (
        f"{DOCKER}manifest for {IMAGE} not found: manifest unknown: manifest unknown",
        f"{DOCKER}manifest for {IMAGE} not found",
    ),
    Cause.PLATFORM: (
        f"{DOCKER}no matching manifest for linux/arm64/v8 in the manifest list entries",
        f'{DOCKER}image operating system "windows" cannot be used on this platform',
        (
            f"{DOCKER}image with reference {IMAGE} was found but does not match the specified platform: wanted "
            "linux/arm64, actual: linux/amd64"
        ),
    ),
    Cause.RATE_LIMIT: (
        (
            f"{DOCKER}toomanyrequests: You have reached your pull rate limit. You may increase the limit by "
            "authenticating and upgrading: https://www.docker.com/increase-rate-limit"
        ),
        (
            f"{DOCKER}error parsing HTTP 429 response body: invalid character 'T' looking for beginning of value: "
            '"Too Many Requests (HAP429).\\n"'
        ),
    ),
    Cause.DISK_FULL: (
        (
            f"{RPC}failed to register layer: Error processing tar file(exit status 1): write /usr/lib/libgio.so.0: no "
            "space left on device"
        ),
    ),
    Cause.DIGEST: (f"{RPC}filesystem layer verification failed for digest {SHA}",),
    Cause.DNS: (f"{DOCKER}Get https://registry.example/v2/: dial tcp: lookup registry.example: no such host",),
    Cause.CERTIFICATE: (f"{DOCKER}Get https://registry.example/v2/: x509: certificate signed by unknown authority",),
    Cause.PLAIN_HTTP: (
        f"{DOCKER}Get https://registry.example:5000/v2/: http: server gave HTTP response to HTTPS client",
    ),
    Cause.REGISTRY_DOWN: (
        f"{DOCKER}received unexpected HTTP status: 502 Bad Gateway",
        f'{DOCKER}Get "https://registry.example/v2/": Bad Gateway',
        f"{DOCKER}Get https://192.0.2.1:500/v2/: dial tcp 192.0.2.1:500: connect: connection refused",
    ),
    Cause.NETWORK: (
        (
            f"{DOCKER}Get https://registry.example/v2/: net/http: request canceled while waiting for connection "
            "(Client.Timeout exceeded while awaiting headers)"
        ),
        f"{DOCKER}Get https://registry.example/v2/: net/http: TLS handshake timeout",
    ),
    Cause.OTHER: (
        f"{RPC}Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ),
}
CASES = [
    pytest.param(said, cause, id=f"{runtime}-{cause}-{number}")
    for runtime, causes in (("containerd", CONTAINERD), ("cri-o", CRI_O), ("docker", DOCKERD))
    for cause, messages in causes.items()
    for number, said in enumerate(messages, 1)
]


@pytest.mark.parametrize(("said", "cause"), CASES)
def test_a_message_of_a_runtime_names_its_cause(said: str, cause: Cause) -> None:
    assert cause_of(f"{PULL}{said}") is cause


def test_every_cause_is_met() -> None:
    assert {case.values[1] for case in CASES} == set(Cause)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        # Each begins as one cause and is another; the order of the table is what decides.
        ("unauthorized: pull access denied: write /var/lib/x: no space left on device", Cause.DISK_FULL),
        ("toomanyrequests: unauthorized: authenticate for a higher limit", Cause.RATE_LIMIT),
        ("failed to authorize: unexpected status: 429 Too Many Requests", Cause.RATE_LIMIT),
        ("SignatureValidationFailed: reading signature: status: 404 (Not Found)", Cause.SIGNATURE),
        ("code = NotFound desc = no match for platform in manifest: not found", Cause.PLATFORM),
        ("code = NotFound desc = unexpected commit digest: failed precondition: not found", Cause.DIGEST),
        ("proxyconnect tcp: x509: certificate signed by unknown authority", Cause.PROXY),
        ("proxyconnect tcp: dial tcp: lookup proxy: no such host", Cause.PROXY),
        ("407 Proxy Authentication Required", Cause.PROXY),
        ("failed to authorize: Get: x509: certificate signed by unknown authority", Cause.CERTIFICATE),
        ("tls: first record does not look like a TLS handshake", Cause.PLAIN_HTTP),
        ("failed to authorize: dial tcp: lookup auth: i/o timeout", Cause.DNS),
        ("dial tcp: lookup registry: read udp: read: connection refused", Cause.DNS),
        ("pull access denied, repository does not exist or may require authorization", Cause.AUTHENTICATION),
        ("insufficient_scope: manifest unknown", Cause.AUTHENTICATION),
        ("requested access to the resource is denied: name unknown", Cause.AUTHENTICATION),
        ("no basic auth credentials: not found", Cause.AUTHENTICATION),
        ("unexpected status: 401 Unauthorized, after i/o timeout of a mirror", Cause.AUTHENTICATION),
        ("failed to authorize: unexpected status: 503 Service Unavailable", Cause.REGISTRY_DOWN),
        ("unexpected HTTP status: 504 Gateway Timeout", Cause.REGISTRY_DOWN),
        ("RegistryUnavailable: i/o timeout", Cause.REGISTRY_DOWN),
        ("failed to authorize: i/o timeout", Cause.NETWORK),
        ("failed to authorize: failed to fetch anonymous token", Cause.AUTHENTICATION),
        ("dial unix /run/containerd/containerd.sock: connect: connection refused", Cause.OTHER),
        ("missing signature key", Cause.OTHER),
    ],
)
def test_of_two_causes_in_one_message_the_first_of_the_order_is_named(said: str, cause: Cause) -> None:
    assert cause_of(f"{PULL}{said}") is cause


ORDER = (
    ("no space left on device", Cause.DISK_FULL),
    ("pull QPS exceeded", Cause.PULL_QPS),
    ("invalid reference format", Cause.INVALID_NAME),
    ("toomanyrequests", Cause.RATE_LIMIT),
    ("SignatureValidationFailed", Cause.SIGNATURE),
    ("no match for platform in manifest", Cause.PLATFORM),
    ("unexpected commit digest", Cause.DIGEST),
    ("proxyconnect tcp", Cause.PROXY),
    ("x509: certificate has expired", Cause.CERTIFICATE),
    ("server gave HTTP response to HTTPS client", Cause.PLAIN_HTTP),
    ("no such host", Cause.DNS),
    ("no basic auth credentials", Cause.AUTHENTICATION),
    ("manifest unknown", Cause.NOT_FOUND),
    ("connection refused", Cause.REGISTRY_DOWN),
    ("i/o timeout", Cause.NETWORK),
    ("failed to authorize", Cause.AUTHENTICATION),
)
"""What takes precedence over what, with words by which it is known."""


@pytest.mark.parametrize(("first", "later"), list(combinations(ORDER, 2)))
def test_the_order_decides_wherever_in_the_message_the_words_stand(
    first: tuple[str, Cause], later: tuple[str, Cause]
) -> None:
    (words, cause), (others, _) = first, later

    assert cause_of(f"{PULL}{words}: {others}") is cause
    assert cause_of(f"{PULL}{others}: {words}") is cause


def test_the_registrys_own_answer_counts_and_not_its_mirrors() -> None:
    said = (
        f"(Mirrors also failed: [mirror.example/team/app:1.4: {PING}dial tcp [2001:db8::1]:443: connect: connection "
        f"refused]): {IMAGE}: reading manifest 1.4 in {REPOSITORY}: manifest unknown"
    )
    assert cause_of(f"{PULL}{said}") is Cause.NOT_FOUND


@pytest.mark.parametrize(
    "message", ["", "Error: ImagePullBackOff", f'Back-off pulling image "{IMAGE}"', "Error: ErrImagePull"]
)
def test_what_says_nothing_of_a_cause_is_not_asked(message: str) -> None:
    assert not says_why(message)
    assert cause_of(message) is Cause.OTHER


@pytest.mark.parametrize(
    "message",
    [
        (
            'Failed to apply default image tag "registry.example/App:1.4": couldn\'t parse image name '
            '"registry.example/App:1.4": invalid reference format: repository name must be lowercase'
        ),
        (
            'Failed to inspect image "": rpc error: code = Unknown desc = short name mode is enforcing, but image name '
            "team/app:1.4 returns ambiguous list"
        ),
    ],
)
def test_a_name_that_is_not_tried_is_invalid(message: str) -> None:
    assert says_why(message)
    assert cause_of(message) is Cause.INVALID_NAME


@pytest.mark.parametrize("name", ["404", "403", "429", "503", "unauthorized", "forbidden", "x509", "timeout", "proxy"])
@pytest.mark.parametrize(
    "said",
    [
        'failed to resolve reference "{image}": failed to do request: dial tcp 192.0.2.1:443: no route to host',
        "initializing source docker://{image}: reading manifest {tag} in {repository}: read: no route to host",
        "Error response from daemon: Get https://registry.example/v2/{tag}/manifests/{tag}: no route to host",
        "unexpected status code [manifests {tag}]: no route to host",
        "{image}: pulling {repository}: no route to host",
    ],
)
def test_a_name_in_a_message_is_no_cause(name: str, said: str) -> None:
    repository = f"registry.example/{name}/{name}"
    image = f"{repository}:{name}"
    told = said.format(image=image, repository=repository, tag=name)

    assert cause_of(f'Failed to pull image "{image}": {told}') is Cause.NETWORK


@pytest.mark.parametrize("code", ["401", "403", "404", "407", "429", "503"])
@pytest.mark.parametrize(
    "message",
    [
        "Failed to pull image {code}/app:1.4: rpc error: {code}/app:1.4: no route to host",
        "Failed to pull image registry.example/{code}:{code}: registry.example/{code}: no route to host",
        "Failed to pull image registry.example/app-{code}:v{code}: reading manifest v{code} in x: no route to host",
        'Failed to pull image "app": pinging container registry {code}.x: Get "https://x/": no route to host',
        'Failed to pull image "app": pulling from mirror: {code}/app@sha256:1: no route to host',
        'Failed to pull image "app": trying status {code}-app: no route to host',
        "Failed to pull image {code}: docker.io/library/{code}:latest: no route to host",
    ],
)
def test_a_code_in_a_name_without_quotes_is_no_cause(code: str, message: str) -> None:
    assert cause_of(message.format(code=code)) is Cause.NETWORK


@pytest.mark.parametrize("name", ["unauthorized", "forbidden", "denied", "x509", "proxyconnect"])
@pytest.mark.parametrize(
    "message",
    [
        "Failed to pull image registry.example/{name}/app:1.4: registry.example/{name}/app:1.4: no route to host",
        'Failed to pull image "{name}": docker.io/library/{name}:latest: no route to host',
        'Failed to pull image "team/{name}:1": pulling docker.io/team/{name}: no route to host',
    ],
)
def test_a_word_in_a_name_without_quotes_is_no_cause(name: str, message: str) -> None:
    assert cause_of(message.format(name=name)) is Cause.NETWORK


@pytest.mark.parametrize("image", ["registry", "proxy", "o", "tls", "status"])
@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("Requesting bearer token: invalid status code from registry 403 (Forbidden)", Cause.AUTHENTICATION),
        ("proxyconnect tcp: dial tcp 127.0.0.1:1082: connect: connection refused", Cause.PROXY),
        ("dial tcp 192.0.2.1:443: i/o timeout", Cause.NETWORK),
        ("unexpected status: 404", Cause.NOT_FOUND),
    ],
)
def test_an_image_of_one_word_leaves_the_words_of_the_message_whole(image: str, said: str, cause: Cause) -> None:
    assert cause_of(f'Failed to pull image "{image}": {said}') is cause


def test_a_kind_of_network_error_is_told_as_one() -> None:
    assert {cause for cause in Cause if cause.kind is Cause.NETWORK} == {
        Cause.NETWORK,
        Cause.DNS,
        Cause.PROXY,
        Cause.CERTIFICATE,
        Cause.PLAIN_HTTP,
        Cause.REGISTRY_DOWN,
    }
    assert (Cause.NETWORK.in_words, Cause.DNS.in_words) == ("network error", "network error: DNS failure")
