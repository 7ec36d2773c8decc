"""`runmend backtest` against a Prometheus of the tests."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from runmend.cli.main import run
from tests.answering import Answer, answering, as_matrix, query_of
from tests.world import SEED

ALERT = {"__name__": "ALERTS", "alertname": "KubePodImagePullBackOff", "alertstate": "firing", "namespace": "shop"}


def asked(
    answer: Callable[[str], Answer], capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str, str, list[str], list[dict[str, str]]]:
    with answering(answer) as server:
        code = run(["backtest", str(SEED), "--prometheus", server.url, *more])
    said = capsys.readouterr()
    return code, said.out, said.err, server.asked, server.headers


def some(_: str) -> Answer:
    now = time.time()
    return as_matrix(
        (ALERT | {"pod": "web-6b9f7d8c5-x2xzk"}, [now - 7200, now - 7170, now - 7140, now - 3600]),
        (ALERT | {"pod": "api-0"}, [now - 7170]),
        (ALERT, [now - 60]),
    )


def test_what_would_have_been_started_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err, paths, _ = asked(some, capsys)

    assert (code, err) == (0, "")
    assert re.search(
        r"^RB_IMAGEPULL would have started 3 runs for 2 targets: its alerts fired 4 times since \S+ \S+ UTC$",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^for 2 targets at once at most, at ", out, re.MULTILINE)
    assert re.search(r"^Pod shop/web-\* +2 +2 ", out, re.MULTILINE)
    assert re.search(r"^  1 alert: the label pod is missing; RB_IMAGEPULL requires it", out, re.MULTILINE)
    (path,) = paths
    assert query_of(path) == 'ALERTS{alertname="KubePodImagePullBackOff",alertstate="firing"}'
    span = {name: float(values[0]) for name, values in parse_qs(urlsplit(path).query).items() if name != "query"}
    assert urlsplit(path).path == "/api/v1/query_range"
    assert abs(span["end"] - span["start"] - 7 * 86_400) <= 1
    assert (span["end"] - span["start"]) / span["step"] <= 11_000


def test_it_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _, _, _ = asked(some, capsys, "-o", "json", "--since", "1d")

    told = json.loads(out)
    assert code == 0
    assert (told["runbook"], told["alerts"], told["runs"], told["at_once"]) == ("RB_IMAGEPULL", 4, 3, 2)
    assert [(one["name"], one["runs"]) for one in told["targets"]] == [("Pod shop/web-*", 2), ("Pod shop/api-*", 1)]
    assert told["step_seconds"] == 30


def test_where_nothing_fired_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _, _, _ = asked(lambda _: as_matrix(), capsys)

    assert code == 0
    assert out.startswith("RB_IMAGEPULL would have started 0 runs for 0 targets: its alerts fired 0 times since ")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((400, b'{"status": "error", "error": "exceeded maximum resolution"}'), "answers 400: exceeded maximum"),
        ((200, b"<html>"), "Prometheus answers 200, and not as its API does"),
        ((200, b'{"status": "success", "data": {"result": [{"metric": {}}]}}'), "what is no matrix"),
        ((302, b"", {"Location": "http://127.0.0.1:1/"}), "Prometheus answers 302"),
    ],
)
def test_a_bad_answer_is_one_line(capsys: pytest.CaptureFixture[str], answer: Answer, says: str) -> None:
    code, out, err, _, _ = asked(lambda _: answer, capsys)

    assert (code, out) == (1, "")
    assert err.startswith("runmend: error: ")
    assert err.count("\n") == 1
    assert says in err


@pytest.mark.parametrize("url", ["", "ftp://a", "prometheus:9090", "http://a:b@c", "http://a?b=c", "http://a:99999"])
def test_what_is_no_address_is_one_line(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert run(["backtest", str(SEED), "--prometheus", url]) == 1
    assert capsys.readouterr().err.startswith(f"runmend: error: --prometheus {url}")


def test_without_a_prometheus_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backtest", str(SEED)]) == 1
    assert "write --prometheus URL, or set RUNMEND_PROMETHEUS_URL" in capsys.readouterr().err


@pytest.mark.parametrize("own", [True, False])
def test_the_settings_token_is_for_the_settings_prometheus_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, own: bool
) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-the-settings")
    monkeypatch.setenv("RUNMEND_PROMETHEUS_TOKEN_FILE", str(token))
    with answering(lambda _: as_matrix()) as server:
        monkeypatch.setenv("RUNMEND_PROMETHEUS_URL", server.url if own else "http://127.0.0.1:1")
        assert run(["backtest", str(SEED), "--prometheus", server.url]) == 0

    assert ("authorization" in server.headers[0]) is own
    assert "a-token" not in capsys.readouterr().out
