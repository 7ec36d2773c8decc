"""Pull secrets are read without ever showing what they hold, and matched as the kubelet matches them."""

import base64
import json
import traceback
from collections.abc import Mapping
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from runmend.images.pull_secrets import Credentials, PullSecretError, _glob, covering, parse_pull_secret
from runmend.images.references import parse_image

PASSWORD = "hunter2-very-secret"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["auths", "auth", "username"]), inner, max_size=3)
    ),
)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def a_secret(config: object, *, kind: str = "kubernetes.io/dockerconfigjson") -> dict[str, object]:
    key = ".dockercfg" if kind.endswith("dockercfg") else ".dockerconfigjson"
    text = config if isinstance(config, str) else json.dumps(config)
    return {"metadata": {"namespace": "shop", "name": "regcred"}, "type": kind, "data": {key: encoded(text)}}


def an_entry(user: str = "robot", password: str = PASSWORD) -> dict[str, str]:
    return {"auth": encoded(f"{user}:{password}")}


def credentials_for(*registries: str) -> list[Credentials]:
    return [Credentials(registry, "robot", SecretStr(PASSWORD)) for registry in registries]


def test_a_dockerconfigjson_gives_the_credentials_of_each_registry() -> None:
    found = parse_pull_secret(
        a_secret({"auths": {"registry.example": an_entry(), "https://index.docker.io/v1/": an_entry("me", "a:b")}})
    )

    assert [(entry.registry, entry.username, entry.password.get_secret_value()) for entry in found] == [
        ("registry.example", "robot", PASSWORD),
        ("https://index.docker.io/v1/", "me", "a:b"),
    ]


def test_the_old_dockercfg_is_read_too() -> None:
    (found,) = parse_pull_secret(a_secret({"registry.example": an_entry()}, kind="kubernetes.io/dockercfg"))

    assert found == Credentials("registry.example", "robot", SecretStr(PASSWORD))


def test_username_and_password_stand_in_for_auth_and_auth_wins_over_them() -> None:
    plain = {"username": "robot", "password": PASSWORD}
    found = parse_pull_secret(a_secret({"auths": {"a.example": plain, "b.example": {**plain, **an_entry("other")}}}))

    assert [entry.username for entry in found] == ["robot", "other"]


def test_auth_without_padding_or_with_line_breaks_is_read_as_the_kubelet_reads_it() -> None:
    bare = encoded("robot:1234").rstrip("=")
    found = parse_pull_secret(
        a_secret({"auths": {"a.example": {"auth": bare}, "b.example": {"auth": f"{bare[:4]}\n{bare[4:]}"}}})
    )

    assert {entry.password.get_secret_value() for entry in found} == {"1234"}


@pytest.mark.parametrize(
    "nothing", [{}, None, {"auth": ""}, {"auth": None, "email": "a@b"}, {"username": "", "password": ""}]
)
def test_an_entry_without_credentials_is_passed_over_and_the_others_hold(nothing: object) -> None:
    found = parse_pull_secret(a_secret({"auths": {"a.example": nothing, "b.example": an_entry()}}))

    assert [entry.registry for entry in found] == ["b.example"]


def test_a_user_without_a_password_and_a_password_without_a_user_are_credentials() -> None:
    found = parse_pull_secret(
        a_secret({"auths": {"a.example": {"username": "robot"}, "b.example": {"password": PASSWORD}}})
    )

    assert [(entry.username, entry.password.get_secret_value()) for entry in found] == [("robot", ""), ("", PASSWORD)]


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ({}, "the Secret has type None; expected"),
        ({"type": "Opaque", "data": {}}, "has type 'Opaque'; expected kubernetes.io/dockerconfigjson"),
        (a_secret({}) | {"data": {}}, r"Secret shop/regcred has no key \.dockerconfigjson in its data"),
        (a_secret({}) | {"data": None}, "has no key"),
        (a_secret({}) | {"type": "kubernetes.io/dockercfg"}, r"has no key \.dockercfg in its data"),
        (a_secret({}) | {"data": {".dockerconfigjson": f"*{PASSWORD}"}}, "is not base64"),
        (a_secret(f"{{{PASSWORD}"), "is not a JSON object"),
        (a_secret("[" * 100_000), "is not a JSON object"),
        (a_secret([PASSWORD]), "is not a JSON object"),
        (a_secret({}), "has no auths"),
        (a_secret({"auths": {}}), "has no auths"),
        (a_secret({"auths": [PASSWORD]}), "has no auths"),
        (a_secret({"auths": {PASSWORD: PASSWORD}}), "entry 1 of 1 is not a JSON object"),
        (
            a_secret({"auths": {PASSWORD: {}, "b.example": {"auth": ""}}}),
            "no entry of .dockerconfigjson has credentials",
        ),
        (
            a_secret({"auths": {"a.example": an_entry(), PASSWORD: {"username": 7, "password": PASSWORD}}}),
            "entry 2 of 2: username and password are not both text",
        ),
        (a_secret("[" * 3_000_000), "is larger than a Secret can be"),
        (
            a_secret({"auths": {f"{number}.example": {} for number in range(1001)}}),
            "^unknown: Secret shop/regcred has 1001 entries, and at most 1000 are read",
        ),
        (a_secret({"auths": {"a.example": {"auth": encoded(PASSWORD)}}}), "auth is not user:password in base64"),
        (a_secret({"auths": {"a.example": {"auth": f"*{PASSWORD}"}}}), "auth is not user:password in base64"),
        (
            a_secret({"auths": {"a.example": {"auth": base64.b64encode(b"\xff:\xff").decode()}}}),
            "auth is not user:password in base64",
        ),
        (a_secret({"auths": {"a.example": {"auth": 7}}}), "auth is not user:password in base64"),
    ],
)
def test_what_is_wrong_is_said_and_what_is_held_is_not(secret: Mapping[str, object], why: str) -> None:
    with pytest.raises(PullSecretError, match=why) as refused:
        parse_pull_secret(secret)

    assert PASSWORD not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__context__ is None  # the errors of json and base64 hold the text that they could not read


def test_credentials_never_show_their_password() -> None:
    (entry,) = credentials_for("registry.example")

    assert PASSWORD not in f"{entry} {entry!r} {[entry]}"


@given(st.dictionaries(st.sampled_from(["type", "data", "metadata"]), JSON_VALUES) | JSON_VALUES.map(a_secret))
def test_any_secret_is_read_or_refused_with_the_own_error(secret: dict[str, object]) -> None:
    try:
        found = parse_pull_secret(secret)
    except PullSecretError:
        return
    covering(parse_image("registry.example/team/app"), found)


@pytest.mark.parametrize(
    ("registry", "image"),
    [
        ("registry.example", "registry.example/team/app"),
        ("https://registry.example", "registry.example/team/app"),
        ("http://registry.example/v2/", "registry.example/team/app"),
        ("registry.example/", "registry.example/team/app"),
        ("registry.example/team", "registry.example/team/app"),
        ("https://registry.example/v1/team", "registry.example/team/app"),
        ("registry.example:5000", "registry.example:5000/app"),
        ("[::1]:5000", "[::1]:5000/app"),
        ("*.example.com", "eu.example.com/app"),
        ("*.*.example.com", "a.eu.example.com/app"),
        ("eu-*.example.com", "eu-west.example.com/app"),
        ("https://index.docker.io/v1/", "nginx"),
        ("index.docker.io", "grafana/loki"),
        ("docker.io", "nginx"),
        ("docker.io/grafana", "grafana/loki"),
    ],
)
def test_an_entry_covers_what_the_kubelet_says_that_it_covers(registry: str, image: str) -> None:
    (entry,) = credentials_for(registry)

    assert covering(parse_image(image), [entry]) is entry


@pytest.mark.parametrize(
    ("registry", "image"),
    [
        ("registry.example", "registry.example:5000/app"),
        ("registry.example:5000", "registry.example/app"),
        ("registry.example:5000", "registry.example:5001/app"),
        ("registry.example", "evil-registry.example/app"),
        ("registry.example", "registry.example.evil/app"),
        ("registry.example", "eu.registry.example/app"),
        ("registry.example/other", "registry.example/team/app"),
        ("*.example.com", "example.com/app"),
        ("*.example.com", "a.eu.example.com/app"),
        ("[12]", "1:5000/app"),
        ("[12]:5000", "1:5000/app"),
        ("*", "registry.example/app"),
        ("", "nginx"),
        ("https://index.docker.io/v1/", "registry.example/app"),
        ("registry-1.docker.io", "nginx"),
    ],
)
def test_an_entry_covers_nothing_else(registry: str, image: str) -> None:
    assert covering(parse_image(image), credentials_for(registry)) is None


def test_the_longest_path_comes_first_and_an_exact_host_before_a_glob() -> None:
    known = credentials_for("*.example.com", "eu.example.com", "eu.example.com/team", "eu.example.com/team/app")

    assert covering(parse_image("eu.example.com/team/app"), known) is known[3]
    assert covering(parse_image("eu.example.com/team/web"), known) is known[2]
    assert covering(parse_image("eu.example.com/other"), known) is known[1]
    assert covering(parse_image("us.example.com/other"), known) is known[0]


def test_docker_io_comes_before_its_old_name() -> None:
    known = credentials_for("https://index.docker.io/v1/", "docker.io")

    assert covering(parse_image("nginx"), known) is known[1]


@given(st.text("ab*?[]!-", max_size=12), st.text("ab-[]", max_size=12))
def test_a_glob_matches_what_pythons_own_does(glob: str, label: str) -> None:
    assert _glob(glob, label) is fnmatchcase(label, glob.replace("[", "[[]"))


def test_a_glob_of_many_stars_costs_nothing() -> None:
    assert covering(parse_image("a" * 60 + ".example/app"), credentials_for("*a" * 30 + "b.example")) is None
