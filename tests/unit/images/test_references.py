"""Image references are read as the kubelet reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.images.references import ImageReference, InvalidImageReference, parse_image, pins

SHA256 = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("grafana/loki", "docker.io/grafana/loki:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
        ("registry.example/team/hello-app:1.0", "registry.example/team/hello-app:1.0"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1"),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("[::1]:5000/app:1", "[::1]:5000/app:1"),
        ("Registry/app", "Registry/app:latest"),
        (f"nginx@{SHA256}", f"docker.io/library/nginx@{SHA256}"),
        (f"nginx:1.27@{SHA256}", f"docker.io/library/nginx:1.27@{SHA256}"),
        ("host:5000", "docker.io/library/host:5000"),
        ("a__b/c---d/e.f_g", "docker.io/a__b/c---d/e.f_g:latest"),
    ],
)
def test_a_reference_is_normalised(text: str, whole: str) -> None:
    assert str(parse_image(text)) == whole


def test_the_parts_of_a_reference() -> None:
    assert parse_image(f"registry.example:5000/team/app:v1@{SHA256}") == ImageReference(
        "registry.example:5000", "team/app", "v1", SHA256
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("Registry/Name:tag", "repository must be lower-case"),
        ("Nginx", "repository must be lower-case"),
        ("nginx:", "is not a tag"),
        ("nginx:.1", "is not a tag"),
        ("nginx:1:2", "is not a tag"),
        ("nginx:a b", "is not a tag"),
        ("nginx:1\n", "is not a tag"),
        ("nginx\n", "is not a repository"),
        (" nginx", "is not a repository"),
        ("ngin\u0445", "is not a repository"),
        ("a//b", "is not a repository"),
        ("a/../b", "is not a repository"),
        ("nginx/", "is not a repository"),
        ("https://registry.example/app", "is not a registry"),
        ("user@registry.example/app", "is not a digest algorithm"),
        ("-a.example/app", "is not a registry"),
        ("registry.example:x/app", "is not a registry"),
        ("nginx:" + "a" * 129, "the tag has 129 characters"),
        ("nginx@sha256:abc", "64 lower-case hexadecimal digits"),
        (f"nginx@{SHA256.upper()}", "is not a digest algorithm"),
        ("nginx@sha256:" + "A" * 64, "64 lower-case hexadecimal digits"),
        (f"nginx@{SHA256}0", "64 lower-case hexadecimal digits"),
        ("nginx@md5:" + "a" * 32, "is not a digest algorithm"),
        ("nginx@", "is not a digest algorithm"),
        ("a" * 64, "is an image id"),
        ("registry.example/" + "a" * 239, "more than 255 characters"),
        ("$(id)", "is not a repository"),
    ],
)
def test_what_the_kubelet_would_not_pull_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidImageReference, match=why):
        parse_image(text)


def test_a_name_of_255_characters_and_a_tag_of_128_are_allowed() -> None:
    image = parse_image("registry.example/" + "a" * 238 + ":" + "b" * 128)

    assert (len(image.name), len(image.manifest)) == (255, 128)


def test_docker_hub_is_asked_at_its_own_host() -> None:
    assert parse_image("nginx").api_host == "registry-1.docker.io"
    assert parse_image("registry.example:5000/app").api_host == "registry.example:5000"


def test_the_short_form_is_the_last_component_with_its_tag_or_the_beginning_of_its_digest() -> None:
    assert parse_image("registry.example/team/hello-app:1.0").short == "hello-app:1.0"
    assert parse_image(f"registry.example/team/hello-app:1.0@{SHA256}").short == "hello-app@sha256:0123456789ab"


def test_a_digest_is_asked_for_before_a_tag() -> None:
    assert parse_image(f"nginx:1@{SHA256}").manifest == SHA256
    assert parse_image("nginx").manifest == "latest"


def test_a_refusal_quotes_the_beginning_only() -> None:
    with pytest.raises(InvalidImageReference) as refused:
        parse_image("\x01" * 10_000)

    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("live", "written", "same"),
    [
        (f"registry.example/app:1.0@{SHA256}", "registry.example/app:1.0", True),
        (f"docker.io/library/nginx:1.0@{SHA256}", "nginx:1.0", True),
        (f"nginx:latest@{SHA256}", "nginx", True),
        (f"registry.example/app:2.0@{SHA256}", "registry.example/app:1.0", False),
        (f"mirror.local/app:1.0@{SHA256}", "registry.example/app:1.0", False),
        (f"registry.example/app@{SHA256}", "registry.example/app:1.0", False),
        ("registry.example/app:1.0", "registry.example/app:1.0", False),
        (f"registry.example/app:1.0@{SHA256}", f"registry.example/app:1.0@{SHA256}", False),
        ("registry.example/App:1.0", "registry.example/app:1.0", False),
    ],
)
def test_an_image_pins_another_where_nothing_but_a_digest_was_added(live: str, written: str, *, same: bool) -> None:
    assert pins(live, written) is same


@given(
    st.text()
    | st.text(alphabet="aB0.:/@_-[]\n")
    | st.from_regex(r"[a-z.:/@]{1,12}(:[a-z0-9]+)?(@sha256:[0-9a-f]{64})?", fullmatch=True)
)
def test_any_text_is_a_reference_that_reads_back_equal_or_is_refused(text: str) -> None:
    try:
        image = parse_image(text)
    except InvalidImageReference as refused:
        why = str(refused)
    else:
        assert parse_image(str(image)) == image
        why = str(image)
        assert why.isascii()

    assert why.isprintable()
