"""What the environment says, and what becomes of what it says wrongly."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from runmend.core.modes import Mode
from runmend.core.settings import Settings, UnknownSetting, check_names

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RUNMEND_{name.upper()}", raising=False)


def test_an_unset_variable_allows_changes_everywhere_and_an_empty_one_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().may_change("shop")

    monkeypatch.setenv("RUNMEND_NAMESPACES", "")

    assert not Settings().may_change("shop")
    assert not Settings().may_change("kube-system")


@pytest.mark.parametrize("value", [" ", ",", " , "])
def test_blanks_and_commas_name_no_namespace(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RUNMEND_NAMESPACES", value)

    assert not Settings().may_change("shop")


def test_every_other_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    unset = Settings()
    for name in Settings.model_fields.keys() - {"namespaces", "kinds"}:
        monkeypatch.setenv(f"RUNMEND_{name.upper()}", "")

    assert Settings() == unset


def test_variables_are_read_and_keywords_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNMEND_CLUSTER", "prod")
    monkeypatch.setenv("RUNMEND_NAMESPACES", "shop, team-*")
    monkeypatch.setenv("RUNMEND_HOLD_MINUTES", "1.5")

    read = Settings(cluster="test")

    assert (read.cluster, read.hold) == ("test", timedelta(seconds=90))
    assert [name for name in ("shop", "team-a", "pay") if read.may_change(name)] == ["shop", "team-a"]


def test_a_keyword_that_is_empty_is_a_value() -> None:
    with pytest.raises(ValidationError):
        Settings(cluster="")
    assert not Settings(namespaces="").may_change("shop")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLUSTER", "a b"),
        ("CLUSTER", "prod\n"),
        ("MODE", "approve"),
        ("PROTECT_SERVING", "maybe"),
        ("HOLD_MINUTES", "-1"),
        ("HOLD_MINUTES", "inf"),
        ("HOLD_MINUTES", "nan"),
        ("HOLD_MINUTES", "1e300"),
        ("METRICS_PORT", "70000"),
        ("SDK_METRICS_PORT", "0"),
        ("LOG_FORMAT", "xml"),
        ("METRICS_PORT", "tcp://10.0.0.1:9464"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RUNMEND_{name}", value)

    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RUNMEND_NAMESPACE", "RUNMEND_NAMESPACES"),
        ("RUNMEND_NAMESPCAES", "RUNMEND_NAMESPACES"),
        ("runmend_namespace", "RUNMEND_NAMESPACES"),
        ("RUNMEND_PROTECTSERVING", "RUNMEND_PROTECT_SERVING"),
        ("RUNMEND_TOKEN", "RUNMEND_TOKEN_FILE"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_one(name: str, nearest: str) -> None:
    with pytest.raises(UnknownSetting) as refused:
        check_names(["PATH", "RUNMEND_CLUSTER", name])

    assert str(refused.value).startswith(f"{name.upper()} is not a setting, the nearest is {nearest}; ")


def test_all_that_are_misspelt_are_named_in_one_line() -> None:
    with pytest.raises(UnknownSetting) as refused:
        check_names(["RUNMEND_", "RUNMEND_MODUS", "RUNMEND_QQ"])

    assert str(refused.value).count(" is not a setting, the nearest is RUNMEND_") == 3
    assert "\n" not in str(refused.value)


def test_what_compose_and_env_example_set_are_settings() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = set(re.findall(r"RUNMEND_\w+", compose)) | set(re.findall(r"^(\w+)=", example, re.MULTILINE))

    assert {"RUNMEND_UID", "RUNMEND_GID", "RUNMEND_NAMESPACES"} <= names
    check_names(names)


def test_env_example_names_every_setting() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    named = set(re.findall(r"^RUNMEND_(\w+)=", example, re.MULTILINE))
    assert {name.upper() for name in Settings.model_fields} <= named


@pytest.mark.parametrize(
    ("auto", "namespace", "mode"),
    [
        ("", "shop", Mode.RECOMMEND),
        ("shop", "shop", None),
        ("team-*, shop", "team-a", None),
        ("shop", "shop2", Mode.RECOMMEND),
        ("*", "kube-system", Mode.RECOMMEND),
        ("kube-system", "kube-system", None),
    ],
)
def test_a_namespace_may_be_auto_where_the_installation_recommends(
    auto: str, namespace: str, mode: Mode | None
) -> None:
    assert Settings(mode=Mode.RECOMMEND, auto_namespaces=auto).mode_in(namespace) is mode


@pytest.mark.parametrize("mode", [None, Mode.AUTO])
def test_exceptions_from_the_mode_recommend_need_that_mode(mode: Mode | None) -> None:
    with pytest.raises(ValidationError, match="set RUNMEND_MODE=recommend"):
        Settings(mode=mode, auto_namespaces="shop")


def test_networks_of_registries_are_read_and_what_is_none_is_said() -> None:
    assert [str(network) for network in Settings(registry_networks=" 10.0.0.0/8, fd00::1,").networks] == [
        "10.0.0.0/8",
        "fd00::1/128",
    ]
    for wrong, said in {"10.0.0.1/8": "has host bits set", "corp": "does not appear to be an IPv4 or IPv6"}.items():
        with pytest.raises(ValidationError, match=f"'?{wrong}'? {said}"):
            Settings(registry_networks=f"10.0.0.0/8,{wrong}")


@pytest.mark.parametrize("url", ["http://prometheus.monitoring:9090", "https://metrics.example.com/prometheus/"])
def test_where_prometheus_is_is_an_address(url: str) -> None:
    assert Settings(prometheus_url=url).prometheus_url == url


@pytest.mark.parametrize(
    "url",
    ["prometheus:9090", "ftp://a", "http://", "http://user:pass@a", "http://a?b=c", "http://a#b", "http://a:99999"],
)
def test_what_is_no_address_of_a_prometheus_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(prometheus_url=url)


def test_hosts_that_may_be_asked_are_read_and_what_is_none_is_said() -> None:
    listed = " shop.example.com, web.shop:8080 ,[fd00::1]:80,127.0.0.1,"

    assert Settings(http_hosts=listed).hosts_asked == (
        *("shop.example.com", "web.shop:8080"),
        *("[fd00::1]:80", "127.0.0.1"),
    )
    for wrong in ("https://shop.example.com", "*.example.com", "shop.example.com/health", "a:b", "a b"):
        with pytest.raises(ValidationError, match="is not of the form host or host:port"):
            Settings(http_hosts=wrong)


def test_compose_passes_empty_namespaces_on_as_empty() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))

    # `:-` would make `*` of an empty one.
    assert compose["x-settings"]["RUNMEND_NAMESPACES"] == "${RUNMEND_NAMESPACES-*}"


SERVICE = (
    "RUNMEND_BRIDGE_SERVICE_HOST",
    "RUNMEND_BRIDGE_SERVICE_PORT",
    "RUNMEND_BRIDGE_SERVICE_PORT_HTTP",
    "RUNMEND_BRIDGE_PORT",
    "RUNMEND_BRIDGE_PORT_8080_TCP",
    "RUNMEND_BRIDGE_PORT_8080_TCP_PROTO",
    "RUNMEND_BRIDGE_PORT_8080_TCP_PORT",
    "RUNMEND_BRIDGE_PORT_8080_TCP_ADDR",
)


def test_what_kubernetes_adds_for_a_service_of_ours_is_passed_over() -> None:
    check_names(SERVICE)


@pytest.mark.parametrize("name", ["RUNMEND_BRIDGE_NAMESPACES", "RUNMEND_BRIDGE_PORT_8080", "RUNMEND_WORKER_PORT"])
def test_only_what_kubernetes_adds_is_passed_over(name: str) -> None:
    with pytest.raises(UnknownSetting, match=f"^{name} is not a setting"):
        check_names([*SERVICE, name])


def test_a_services_variables_without_its_host_are_not_kubernetes() -> None:
    with pytest.raises(UnknownSetting):
        check_names(["RUNMEND_BRIDGE_PORT"])
