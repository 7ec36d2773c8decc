"""Lists are read in answers of a bounded size, and are of one moment or not told at all."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from runmend.core.errors import ServerError, TemporaryError
from runmend.kube import requests
from runmend.kube.answers import Expired
from runmend.kube.client import Cluster
from runmend.kube.requests import LIST_TRIES, PAGE
from runmend.local.sandbox import Sandbox
from tests.cluster.api import Cluster as Raw
from tests.cluster.api import Namespace
from tests.faults import Fault, Faults, Request

MESSAGES = [f"message {number}" for number in range(7)]
SELECTOR = "involvedObject.name=web"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, Faults]]:
    faults = Faults()
    with Sandbox(wrap=faults.wrap, nodes=0) as sandbox:
        yield sandbox, faults


@pytest.fixture
def shop(served: tuple[Sandbox, Faults], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Namespace]:
    """A namespace with seven events about web, where pages hold three."""
    monkeypatch.setattr(requests, "PAGE", 3)
    raw = Raw("sandbox", served[0].write_kubeconfig(tmp_path / "kubeconfig"))
    with raw.http, raw.namespace() as namespace:
        for number, message in enumerate(MESSAGES):
            tell(namespace, f"e{number}", message)
        served[1].clear()
        served[1].requests.clear()
        yield namespace


@pytest.fixture
def faults(served: tuple[Sandbox, Faults], shop: Namespace) -> Faults:  # noqa: ARG001  armed after the namespace is made
    return served[1]


@pytest.fixture
def cluster(shop: Namespace) -> Iterator[Cluster]:
    connected = Cluster.connect(kubeconfig=shop.cluster.kubeconfig)
    yield connected
    connected.close()


def tell(namespace: Namespace, name: str, message: str) -> None:
    involved = {"kind": "Pod", "namespace": namespace.name, "name": "web"}
    namespace.create(
        "events", {"metadata": {"name": name}, "involvedObject": involved, "reason": "Said", "message": message}
    )


def messages(cluster: Cluster, namespace: Namespace) -> list[str]:
    return [event.message for event in cluster.events(namespace.name, SELECTOR)]


def later_pages(request: Request) -> bool:
    return "continue=" in request.query


def answers(faults: Faults, matches: Callable[[Request], bool], status: int, times: int) -> None:
    """Have the next requests that match answered with a status."""
    faults._faults.append(Fault(matches, times, status))


def asked(faults: Faults) -> list[str]:
    """Which page each request asked for."""
    return ["later" if later_pages(request) else "first" for request in faults.requests]


def test_a_list_is_read_page_by_page_and_each_asks_for_the_same(
    shop: Namespace, cluster: Cluster, faults: Faults
) -> None:
    assert messages(cluster, shop) == MESSAGES

    assert asked(faults) == ["first", "later", "later"]
    for request in faults.requests:
        query = parse_qs(request.query)
        assert (query["limit"], query["fieldSelector"]) == (["3"], [SELECTOR])


def test_a_list_that_fits_on_a_page_is_one_request(shop: Namespace, cluster: Cluster, faults: Faults) -> None:
    assert cluster.pods(shop.name) == ()

    assert asked(faults) == ["first"]


def test_a_page_is_of_a_bounded_size() -> None:
    assert PAGE == 500


@pytest.mark.parametrize("times", range(1, LIST_TRIES))
def test_a_list_that_is_forgotten_is_begun_anew_and_tells_nothing_twice(
    shop: Namespace, cluster: Cluster, faults: Faults, times: int
) -> None:
    answers(faults, later_pages, 410, times)

    assert messages(cluster, shop) == MESSAGES

    assert asked(faults) == [*["first", "later"] * (times + 1), "later"]


def test_a_list_that_is_begun_anew_is_as_it_is_then(shop: Namespace, cluster: Cluster, faults: Faults) -> None:
    def write(_: Request) -> None:
        tell(shop, "e00", "new")

    faults._faults.append(Fault(lambda request: request.method == "GET", 1, then=write))
    answers(faults, later_pages, 410, 1)

    assert messages(cluster, shop) == [MESSAGES[0], "new", *MESSAGES[1:]]


def test_a_list_that_is_always_forgotten_is_given_up_and_worth_another_try(
    shop: Namespace, cluster: Cluster, faults: Faults
) -> None:
    answers(faults, later_pages, 410, 99)

    with pytest.raises(Expired, match=rf"^GET events {shop.name}: 410: ") as raised:
        messages(cluster, shop)

    assert isinstance(raised.value, TemporaryError)
    assert asked(faults) == ["first", "later"] * LIST_TRIES


def test_another_error_on_a_later_page_is_that_error_at_once(shop: Namespace, cluster: Cluster, faults: Faults) -> None:
    answers(faults, later_pages, 500, 1)

    with pytest.raises(ServerError):
        messages(cluster, shop)

    assert asked(faults) == ["first", "later"]
