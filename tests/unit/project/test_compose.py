"""docker-compose.yml and what it mounts. No container engine is asked: these are facts of the files."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGES: dict[str, str] = {name: service["image"].partition("@")[0] for name, service in SERVICES.items()}
"""Without the digests that `make digests` adds."""

OURS = ("bridge", "worker")
ONE_SHOTS = ("schema", "namespace")
# Its image has nothing that could ask it anything.
LONG_RUNNING = sorted(SERVICES.keys() - {*ONE_SHOTS, "kube-state-metrics"})


def mount(service: str, target: str) -> dict[str, Any]:
    """The long-form mount of `service` at `target`."""
    return next(v for v in SERVICES[service]["volumes"] if isinstance(v, dict) and v["target"] == target)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_an_image_is_pinned_to_a_release(service: str) -> None:
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?", IMAGES[service])


def test_the_stack_is_of_the_releases_that_runmend_is_tried_with() -> None:
    assert IMAGES["postgres"].startswith("postgres:16.")
    assert IMAGES["temporal"].startswith("temporalio/server:1.32.")
    assert IMAGES["temporal-ui"].startswith("temporalio/ui:2.54.")
    # The schema must be that of the server.
    server = IMAGES["temporal"].partition(":")[2]
    assert IMAGES["schema"] == IMAGES["namespace"] == f"temporalio/admin-tools:{server}"


def test_bridge_and_worker_are_one_image_of_the_projects_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert {IMAGES[name] for name in OURS} == {f"runmend:{version}"}
    assert SERVICES["bridge"]["command"][0] == "bridge"
    assert SERVICES["worker"]["command"][0] == "worker"


def test_every_base_image_is_pinned_and_nothing_runs_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    bases = [line.split()[1].partition("@")[0] for line in lines if line.startswith("FROM ")]

    assert bases
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base) for base in bases)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 1000:1000"]
    assert [line for line in lines if line.startswith("ENTRYPOINT ")] == ['ENTRYPOINT ["runmend"]']


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_service_that_stays_has_a_health_check_and_comes_back(service: str) -> None:
    check = SERVICES[service]["healthcheck"]

    assert check["test"][0] == "CMD", "exec form: no shell is needed in the image"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
    assert SERVICES[service]["restart"] == "unless-stopped"


def test_each_starts_after_what_it_needs() -> None:
    order = {
        (name, needed, condition["condition"])
        for name, service in SERVICES.items()
        for needed, condition in service.get("depends_on", {}).items()
    }

    assert order == {
        ("schema", "postgres", "service_healthy"),
        ("temporal", "schema", "service_completed_successfully"),
        ("namespace", "temporal", "service_healthy"),
        ("temporal-ui", "temporal", "service_healthy"),
        ("bridge", "namespace", "service_completed_successfully"),
        ("worker", "namespace", "service_completed_successfully"),
    }


def test_ports_are_published_on_loopback_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {
        "temporal": ["127.0.0.1:7233:7233"],
        "temporal-ui": ["127.0.0.1:8233:8080"],
        "bridge": ["${BRIDGE_ADDRESS:-127.0.0.1}:8080:8080"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "alertmanager": ["127.0.0.1:9093:9093"],
    }


def test_what_brings_the_alerts_is_started_only_where_it_is_asked_for() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]} == {
        "kube-state-metrics",
        "prometheus",
        "alertmanager",
    }
    assert all("profiles" not in SERVICES[name] for name in SERVICES if name in OURS)


def test_the_monitoring_of_compose_is_that_of_kubernetes_with_the_names_of_its_services() -> None:
    folder = ROOT / "deploy/monitoring"
    here, there = (
        yaml.safe_load((each / "alertmanager.yaml").read_text(encoding="utf-8"))
        for each in (folder / "compose", folder)
    )
    (receiver,) = here["receivers"][1]["webhook_configs"]
    assert here["route"] == there["route"]
    assert receiver["url"] == "http://bridge:8080/alerts"
    assert receiver["http_config"]["authorization"]["credentials_file"] == "/run/secrets/bridge_token"

    scraped, elsewhere = (
        yaml.safe_load((each / "prometheus.yaml").read_text(encoding="utf-8")) for each in (folder / "compose", folder)
    )
    jobs = [job["job_name"] for job in scraped["scrape_configs"]]
    assert jobs == [job["job_name"] for job in elsewhere["scrape_configs"]]
    assert scraped["scrape_configs"][0]["honor_labels"] is True
    asked = {
        target.partition(":")[0] for job in scraped["scrape_configs"] for target in job["static_configs"][0]["targets"]
    }
    assert asked <= SERVICES.keys()
    assert all((folder / "compose" / file).is_file() for file in scraped["rule_files"])


def test_nothing_is_changed_as_shipped() -> None:
    assert COMPOSE["x-settings"]["RUNMEND_MODE"] == "${RUNMEND_MODE:-recommend}"


def test_no_password_or_token_stands_in_the_file() -> None:
    secret = {
        f"{name}.{key}": value
        for name, service in SERVICES.items()
        for key, value in service.get("environment", {}).items()
        if re.search(r"PASSWORD|PWD|SECRET|API_KEY|TOKEN$", key)
    }

    assert secret.keys() == {"postgres.POSTGRES_PASSWORD", "schema.SQL_PASSWORD", "temporal.POSTGRES_PWD"}
    assert all(re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", value) for value in secret.values()), (
        "asked for, with no default"
    )


def test_the_bridge_listens_off_loopback_with_a_token_from_a_file_that_git_ignores() -> None:
    bridge = SERVICES["bridge"]

    assert bridge["command"] == ["bridge", "--host", "0.0.0.0", "--port", "8080"]
    assert bridge["secrets"] == ["bridge_token"]
    assert bridge["environment"]["RUNMEND_TOKEN_FILE"] == "/run/secrets/bridge_token"
    assert COMPOSE["secrets"] == {"bridge_token": {"file": "./secrets/bridge_token"}}
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("service", OURS)
def test_the_kubeconfig_is_mounted_read_only_where_the_client_looks(service: str) -> None:
    kubeconfig = mount(service, SERVICES[service]["environment"]["KUBECONFIG"])

    assert kubeconfig["source"] == "${KUBECONFIG:-~/.kube/config}"
    assert kubeconfig["read_only"] is True


@pytest.mark.parametrize("service", OURS)
def test_bridge_and_worker_have_no_rights_of_their_own(service: str) -> None:
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]


def test_closed_runs_are_kept_for_thirty_days() -> None:
    assert SERVICES["namespace"]["environment"]["RETENTION"] == "720h"


def test_the_scripts_and_files_that_are_mounted_exist() -> None:
    entry_points = {SERVICES[name]["entrypoint"][1].removeprefix("/deploy/") for name in ONE_SHOTS}

    assert entry_points == {"schema.sh", "namespace.sh"}
    assert all((ROOT / "deploy/temporal" / name).is_file() for name in entry_points)
    assert isinstance(yaml.safe_load((ROOT / "deploy/temporal/dynamicconfig.yaml").read_text(encoding="utf-8")), dict)
