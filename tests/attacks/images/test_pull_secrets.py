"""Whoever may make pods and Secrets in a namespace chooses what the diagnosis reads of them."""

import base64
import json
import time
from typing import Any

import pytest

from runmend.images.pull_failures import cause_of
from runmend.images.pull_messages import essence
from runmend.images.pull_secrets import ENTRIES_MAX, PullSecretError, covering, parse_pull_secret
from runmend.images.references import parse_image

LABEL = "a" * 60
IMAGE = parse_image(f"{LABEL}.{LABEL}.{LABEL}.example/app")
MESSAGE_MAX = 1000
"""Characters that are read of an event's message."""


def a_secret(auths: dict[str, Any]) -> dict[str, Any]:
    config = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
    return {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": config}}


def entries(glob: str, number: int) -> dict[str, Any]:
    """So many entries, no two alike, that match the image's labels as slowly as they can."""
    auth = {"auth": base64.b64encode(b"robot:x").decode()}
    return {f"{glob}.{glob}.{glob[: -len(str(each))]}{each}.example": auth for each in range(number)}


@pytest.mark.parametrize("glob", ["*a" * 29 + "b", "?" * 59 + "b", "*?" * 29 + "b", "*" * 500 + "b"])
def test_a_secret_full_of_globs_is_matched_within_a_second(glob: str) -> None:
    credentials = parse_pull_secret(a_secret(entries(glob, ENTRIES_MAX)))
    began = time.process_time()

    assert covering(IMAGE, credentials) is None
    assert time.process_time() - began < 1


def test_a_secret_as_large_as_can_be_is_refused_within_a_second() -> None:
    secret = a_secret(entries("*a" * 20, 8000))
    began = time.process_time()

    with pytest.raises(PullSecretError, match="has 8000 entries, and at most 1000 are read"):
        parse_pull_secret(secret)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        *('"', "token ", "manifest for ", "(Mirrors also failed: ", "(Mirrors also failed: ])", "http://", "tls: "),
        *(
            "1.",
            "image uses ",
            "a/",
            ": ",
            "status ",
            "manifest ",
            "Failed to pull image ",
            'Failed to pull image "a": ',
        ),
    ],
)
@pytest.mark.parametrize(
    "before", ["", 'Failed to pull image "a/b:1": ', "Failed to pull image ", "Failed to pull image a/"]
)
def test_a_message_of_any_kind_is_read_at_once(before: str, text: str) -> None:
    message = (before + text * MESSAGE_MAX)[:MESSAGE_MAX]
    began = time.process_time()

    cause_of(message)
    essence(message)

    assert time.process_time() - began < 1
