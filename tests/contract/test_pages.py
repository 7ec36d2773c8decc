"""Lists in pages: what a token continues, and what becomes of one that is too old."""

import base64
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.cluster.api import Cluster, Json, Namespace, eventually

NAMES = ["a", "b", "c", "d", "e", "f", "g"]
TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing "
    "with the provided token "
    "results in an inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and "
    "now may show up in the list."
)


@pytest.fixture(scope="module")
def seven(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace with seven secrets; `late` is the label of the last four."""
    with cluster.namespace() as namespace:
        for name in NAMES:
            namespace.create("secrets", {"metadata": {"name": name, "labels": {"late": str(name > "c")}}})
        yield namespace


def ask(namespace: Namespace, **query: str | int) -> httpx.Response:
    return namespace.http.get(namespace.path("secrets"), params=query)


def page(namespace: Namespace, **query: str | int) -> tuple[list[str], Json]:
    """The names on a page, and its metadata."""
    answer = ask(namespace, **query)
    assert answer.status_code == 200, answer.text
    return [item["metadata"]["name"] for item in answer.json()["items"]], answer.json()["metadata"]


def read(token: str) -> Json:
    content: Json = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return content


def written(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def test_pages_follow_one_another_and_tell_what_is_left(seven: Namespace) -> None:
    first, one = page(seven, limit=3)
    second, two = page(seven, limit=3, **{"continue": one["continue"]})
    third, three = page(seven, limit=3, **{"continue": two["continue"]})

    assert (first, second, third) == (NAMES[:3], NAMES[3:6], NAMES[6:])
    assert (one["remainingItemCount"], two["remainingItemCount"]) == (4, 1)
    assert one["resourceVersion"] == two["resourceVersion"] == three["resourceVersion"]
    assert set(three) == {"resourceVersion"}


@pytest.mark.parametrize("limit", [7, 8, 0, -1])
def test_a_list_that_fits_on_a_page_is_the_last_page(seven: Namespace, limit: int) -> None:
    names, metadata = page(seven, limit=limit)

    assert names == NAMES
    assert set(metadata) == {"resourceVersion"}


def test_without_a_limit_the_next_page_is_the_rest(seven: Namespace) -> None:
    _, first = page(seven, limit=2)

    assert page(seven, **{"continue": first["continue"]})[0] == NAMES[2:]


@pytest.mark.parametrize(
    "query", [{"labelSelector": "late=True"}, {"fieldSelector": "metadata.name!=a,metadata.name!=b,metadata.name!=c"}]
)
def test_what_a_selector_leaves_is_not_counted(seven: Namespace, query: dict[str, str]) -> None:
    first, one = page(seven, limit=2, **query)
    second, two = page(seven, limit=2, **query, **{"continue": one["continue"]})

    assert (first, second) == (["d", "e"], ["f", "g"])
    assert set(one) == {"resourceVersion", "continue"}
    assert set(two) == {"resourceVersion"}


def test_a_token_names_a_moment_and_a_place(seven: Namespace) -> None:
    _, metadata = page(seven, limit=3)

    content = read(metadata["continue"])

    # Some servers begin the place with a slash, as their store does.
    assert content | {"start": content["start"].removeprefix("/")} == {
        "v": "meta.k8s.io/v1",
        "rv": int(metadata["resourceVersion"]),
        "start": "c\0",
    }


def test_later_pages_tell_of_the_moment_of_the_first(namespace: Namespace) -> None:
    for name in ("a", "b", "c", "d"):
        namespace.create("secrets", {"metadata": {"name": name}})
    _, first = page(namespace, limit=1)

    namespace.create("secrets", {"metadata": {"name": "bb"}})
    namespace.patch("secrets", "c", {"metadata": {"labels": {"new": "1"}}})
    namespace.http.delete(namespace.path("secrets", "d"))

    rest = ask(namespace, **{"continue": first["continue"]}).json()["items"]
    assert [(item["metadata"]["name"], "labels" in item["metadata"]) for item in rest] == [
        ("b", False),
        ("c", False),
        ("d", False),
    ]
    assert page(namespace)[0] == ["a", "b", "bb", "c"]


def test_a_list_of_every_namespace_is_paged_too(seven: Namespace) -> None:
    found: list[tuple[str, str]] = []
    query: dict[str, str | int] = {"limit": 2}
    while True:
        answer = seven.http.get("/api/v1/secrets", params=query).json()
        found += [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in answer["items"]]
        if "continue" not in answer["metadata"]:
            break
        query["continue"] = answer["metadata"]["continue"]

    assert [name for namespace, name in found if namespace == seven.name] == NAMES
    assert len(set(found)) == len(found)


def test_a_token_that_is_too_old_is_410_with_one_for_the_rest_as_it_is_now(namespace: Namespace) -> None:
    for name in ("a", "b", "c", "d"):
        namespace.create("secrets", {"metadata": {"name": name}})
    _, first = page(namespace, limit=2)
    aged = written(read(first["continue"]) | {"rv": 1})
    namespace.create("secrets", {"metadata": {"name": "bb"}})

    # A real server forgets only now and then.
    answer = eventually(
        lambda: found if (found := ask(namespace, limit=2, **{"continue": aged})).status_code != 200 else None
    )

    assert answer is not None
    body = answer.json()
    token = body["metadata"]["continue"]
    assert (answer.status_code, body) == (
        410,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": token},
            "status": "Failure",
            "message": TOO_OLD,
            "reason": "Expired",
            "code": 410,
        },
    )
    assert read(token) == {"v": "meta.k8s.io/v1", "rv": -1, "start": "b\0"}
    names, metadata = page(namespace, limit=2, **{"continue": token})
    assert names == ["bb", "c"]
    assert read(metadata["continue"])["rv"] == int(metadata["resourceVersion"]) > int(first["resourceVersion"])


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("!!", ""),
        ("nonsense", ""),
        (written({"v": "v2", "rv": 1, "start": "a\0"}), "server does not recognize this encoded version v2"),
        (written({"v": "meta.k8s.io/v1", "rv": 1, "start": ""}), "encoded start key empty (version meta.k8s.io/v1)"),
        (
            written({"v": "meta.k8s.io/v1", "rv": 0, "start": "a\0"}),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
    ],
)
def test_a_token_that_is_none_is_400(seven: Namespace, token: str, why: str) -> None:
    answer = ask(seven, limit=1, **{"continue": token})

    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
    assert answer.json()["message"].startswith(f"invalid continue token: continue key is not valid: {why}")


def test_a_token_and_a_version_do_not_go_together(seven: Namespace) -> None:
    _, first = page(seven, limit=1)

    answer = ask(seven, resourceVersion="5", **{"continue": first["continue"]})

    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "specifying resource version is not allowed when using continue",
    )


def test_a_limit_that_is_no_number_is_400(seven: Namespace) -> None:
    answer = ask(seven, limit="x")

    assert (answer.status_code, answer.json()["message"]) == (400, 'strconv.ParseInt: parsing "x": invalid syntax')
