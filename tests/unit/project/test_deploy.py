"""deploy/kubernetes and its page in docs/. No cluster is asked: these are facts of the files; tests/e2e applies
them."""

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml

from runmend.cli.main import app, run
from runmend.core.modes import Mode
from runmend.core.settings import Settings, check_names
from runmend.language.admission import SYSTEM_NAMESPACES
from runmend.runbook import load_directory
from runmend.worker.assembly import GRACE

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy" / "kubernetes"
DOCS = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
KUSTOMIZATIONS = sorted(DEPLOY.rglob("kustomization.yaml"))
COMPONENTS = ("worker", "bridge")
Json = dict[str, Any]


def read(path: str) -> list[Json]:
    """The objects of a file."""
    return list(yaml.safe_load_all((DEPLOY / path).read_text(encoding="utf-8")))


def pod(component: str) -> Json:
    """The pods' spec of the worker or of the bridge."""
    (deployment,) = read(f"base/{component}.yaml")
    spec: Json = deployment["spec"]["template"]["spec"]
    return spec


def container(component: str) -> Json:
    (one,) = pod(component)["containers"]
    found: Json = one
    return found


def pod_labels(component: str) -> dict[str, str]:
    (deployment,) = read(f"base/{component}.yaml")
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return labels


def settings_of(kustomization: str, generator: str = "runmend-settings") -> dict[str, str]:
    (kustomized,) = read(kustomization)
    (made,) = [each for each in kustomized["configMapGenerator"] if each["name"] == generator]
    return dict(literal.split("=", 1) for literal in made["literals"])


def environment(component: str) -> dict[str, str]:
    return settings_of("base/kustomization.yaml") | {
        each["name"]: each["value"] for each in container(component)["env"]
    }


def rights(path: str) -> dict[str, set[tuple[str, str]]]:
    """Role → the verbs that it gives, each with its kind of object."""
    return {
        role["metadata"]["name"]: {
            (verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
        }
        for role in read(path)
    }


def ports(component: str) -> dict[str, int]:
    """The ports that a container opens."""
    return {each["name"]: each["containerPort"] for each in container(component)["ports"]}


def service(name: str) -> Json:
    """A Service's spec."""
    (found,) = [each["spec"] for each in read("base/service.yaml") if each["metadata"]["name"] == name]
    spec: Json = found
    return spec


def bindings(path: str) -> set[tuple[str, str, str]]:
    return {
        (each["roleRef"]["name"], subject["name"], subject["namespace"])
        for each in read(path)
        if each["kind"].endswith("RoleBinding")
        for subject in each["subjects"]
    }


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(DEPLOY)))
def test_a_kustomization_names_all_that_lies_beside_it_and_nothing_else(path: Path) -> None:
    kustomized = yaml.safe_load(path.read_text(encoding="utf-8"))
    named = {
        str((path.parent / each).resolve())
        for each in (*kustomized.get("resources", ()), *kustomized.get("components", ()))
    }
    beside = {str(file) for file in path.parent.glob("*.yaml")} - {str(path)}

    assert [each for each in named if not Path(each).exists()] == []
    assert beside - named == set()


@pytest.mark.parametrize("component", COMPONENTS)
def test_its_environment_holds_settings_and_values_that_can_be_used(component: str) -> None:
    variables = environment(component)
    check_names(variables)

    values = {
        name.removeprefix("RUNMEND_").lower(): value for name, value in variables.items() if name.startswith("RUNMEND_")
    }
    settings = Settings(**values)  # type: ignore[arg-type]
    assert (settings.namespaces, settings.mode_in("shop")) == ("", Mode.RECOMMEND), "nothing is changed as shipped"
    assert {name for name in variables if not name.startswith("RUNMEND_")} == {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}


def test_the_examples_settings_are_settings_and_agree_with_the_rights_that_it_binds() -> None:
    variables = settings_of("example/kustomization.yaml")
    check_names(variables)
    (kustomized,) = read("example/kustomization.yaml")
    bound = [each for each in kustomized["resources"] if not each.startswith("..")]

    assert variables["RUNMEND_NAMESPACES"].split(",") == [
        read(f"example/{folder}/kustomization.yaml")[0]["namespace"] for folder in bound
    ]


def test_rights_in_every_namespace_are_asked_for_together_with_the_setting_that_needs_them() -> None:
    bound = [path for path in DEPLOY.rglob("*.yaml") if "kind: ClusterRoleBinding" in path.read_text(encoding="utf-8")]

    assert settings_of("components/whole-cluster/kustomization.yaml") == {"RUNMEND_NAMESPACES": "*"}
    assert settings_of("components/nodes/kustomization.yaml") == {"RUNMEND_NODES": "*"}
    assert {str(path.parent.relative_to(DEPLOY)) for path in bound} == {
        "components/whole-cluster",
        "components/nodes",
        "components/read-secrets",
    }


def test_the_examples_runbooks_compile_and_all_of_them_are_mounted() -> None:
    loaded = load_directory(DEPLOY / "example" / "runbooks")
    (kustomized,) = read("example/kustomization.yaml")
    (made,) = [each for each in kustomized["configMapGenerator"] if each["name"] == "runmend-runbooks"]
    (component,) = read("components/own-runbooks/kustomization.yaml")
    patched = yaml.safe_load(component["patches"][0]["patch"])["spec"]["template"]["spec"]

    assert loaded.problems == {}
    assert made["files"] == [f"runbooks/{path.name}" for path in sorted((DEPLOY / "example/runbooks").iterdir())]
    (mounted,) = patched["containers"]
    assert mounted["env"][0]["value"] == mounted["volumeMounts"][0]["mountPath"]
    assert patched["volumes"][0]["configMap"] == {"name": "runmend-runbooks"}


@pytest.mark.parametrize("component", COMPONENTS)
def test_its_command_line_is_one_that_runmend_has(component: str) -> None:
    name, *options = container(component)["args"]
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]

    context = command.make_context(name, options, resilient_parsing=False)

    assert name == component
    if component == "bridge":
        assert (context.params["host"], context.params["port"], context.params["insecure"]) == ("0.0.0.0", 8080, False)


@pytest.mark.parametrize("component", COMPONENTS)
def test_its_image_is_the_projects_version_as_in_docker_compose(component: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))

    assert container(component)["image"] == compose["services"][component]["image"] == f"runmend:{version}"


@pytest.mark.parametrize(
    ("component", "name", "port", "paths"),
    [("worker", "metrics", 9464, {"/metrics"}), ("bridge", "http", 8080, {"/healthz", "/readyz"})],
)
def test_probes_ask_where_it_listens(component: str, name: str, port: int, paths: set[str]) -> None:
    probes = [container(component)[name]["httpGet"] for name in container(component) if name.endswith("Probe")]

    assert ports(component)[name] == port
    assert {probe["path"] for probe in probes} == paths
    assert {probe["port"] for probe in probes} == {name}
    if component == "worker":
        assert environment("worker")["RUNMEND_METRICS_PORT"] == str(port)


def test_the_bridge_is_alive_while_temporal_is_not() -> None:
    # A restart mends no outage of Temporal or of the API server, which is what /readyz asks.
    assert container("bridge")["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container("bridge")["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_token_is_where_the_setting_says_and_in_no_file() -> None:
    (mount,) = [each for each in container("bridge")["volumeMounts"] if each["name"] == "token"]
    (volume,) = [each for each in pod("bridge")["volumes"] if each["name"] == "token"]

    assert environment("bridge")["RUNMEND_TOKEN_FILE"] == f"{mount['mountPath']}/token"
    assert volume["secret"]["secretName"] == "runmend-bridge-token"
    assert [
        path
        for path in DEPLOY.rglob("*.yaml")
        if re.search(r"^kind: Secret$|secretGenerator", path.read_text(), re.MULTILINE)
    ] == []


def test_both_find_the_plan_keys_where_the_setting_says() -> None:
    (kustomized,) = read("components/signed-plans/kustomization.yaml")

    found = {}
    for patch in kustomized["patches"]:
        spec = yaml.safe_load(patch["patch"])["spec"]["template"]["spec"]
        (one,), (volume,) = spec["containers"], spec["volumes"]
        ((variable,), (mount,)) = one["env"], one["volumeMounts"]
        assert {one["name"], patch["target"]["name"]} == {one["name"]}
        assert mount["name"] == volume["name"]
        assert (variable["name"], variable["value"]) == ("RUNMEND_PLAN_KEY_FILE", f"{mount['mountPath']}/plan-keys")
        found[one["name"]] = volume["secret"]["secretName"], volume["secret"]["defaultMode"] & 0o007
    assert found == dict.fromkeys(COMPONENTS, ("runmend-plan-keys", 0))
    assert "create secret generic runmend-plan-keys -n runmend --from-file=plan-keys" in DOCS


def test_only_the_two_deployments_ask_for_their_accounts_token() -> None:
    assert {
        account["metadata"]["name"]: account["automountServiceAccountToken"] for account in read("base/accounts.yaml")
    } == {
        "worker": False,
        "bridge": False,
    }
    for component in COMPONENTS:
        assert (pod(component)["serviceAccountName"], pod(component)["automountServiceAccountToken"]) == (
            component,
            True,
        )


@pytest.mark.parametrize("component", COMPONENTS)
def test_it_writes_only_to_its_own_tmp_and_gets_time_to_end(component: str) -> None:
    (tmp,) = [each for each in container(component)["volumeMounts"] if not each.get("readOnly")]

    assert container(component)["securityContext"]["readOnlyRootFilesystem"] is True
    assert (tmp["mountPath"], "emptyDir" in pod(component)["volumes"][0]) == ("/tmp", True)
    if component == "worker":
        assert pod(component)["terminationGracePeriodSeconds"] > GRACE.total_seconds()


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_selector_finds_its_pods(component: str) -> None:
    (deployment,) = read(f"base/{component}.yaml")
    (budget,) = [each for each in read("base/disruption-budgets.yaml") if each["metadata"]["name"] == component]
    (spread,) = pod(component)["topologySpreadConstraints"]
    selectors = [deployment["spec"]["selector"], budget["spec"]["selector"], spread["labelSelector"]]

    assert all(each == {"matchLabels": pod_labels(component)} for each in selectors)
    assert service(f"runmend-{component}-pods")["selector"] == pod_labels(component)
    assert (service("runmend-bridge")["selector"] == pod_labels(component)) is (component == "bridge")


def test_network_policies_let_in_monitoring_and_nobody_else() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in read("base/network-policies.yaml")}
    let_in = {name: spec["ingress"] for name, spec in policies.items() if "ingress" in spec}
    monitoring = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]

    assert policies["deny-the-rest"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert let_in == {
        "bridge-from-monitoring": [{"from": monitoring, "ports": [{"port": "http"}, {"port": "sdk-metrics"}]}],
        "worker-from-monitoring": [{"from": monitoring, "ports": [{"port": "metrics"}, {"port": "sdk-metrics"}]}],
    }
    for component in COMPONENTS:
        assert policies[f"{component}-from-monitoring"]["podSelector"]["matchLabels"] == pod_labels(component)
        assert policies["to-what-is-needed"]["podSelector"]["matchLabels"].items() <= pod_labels(component).items()


def test_runmend_changes_nothing_but_workloads_and_nodes_and_writes_nothing_but_events_and_evictions() -> None:
    given = rights("base/roles.yaml")

    writing = {(name, *right) for name, verbs in given.items() for right in verbs if right[0] not in ("get", "list")}
    assert writing == {
        ("runmend-worker", "patch", "deployments"),
        # A deletion is noted on what owns the pod before.
        ("runmend-worker", "patch", "statefulsets"),
        ("runmend-worker", "patch", "daemonsets"),
        ("runmend-worker", "delete", "pods"),
        ("runmend-worker", "create", "events"),
        ("runmend-worker-nodes", "patch", "nodes"),
        ("runmend-worker-nodes", "create", "pods/eviction"),
        ("runmend-worker-nodes", "create", "events"),
    }
    assert [name for name, verbs in given.items() if ("get", "secrets") in verbs] == ["runmend-read-secrets"]


@pytest.mark.parametrize(("command", "path"), [("rbac", "base/roles.yaml"), ("policy", "base/admission-policy.yaml")])
def test_what_is_shipped_is_what_the_command_prints(
    command: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command]) == 0

    assert capsys.readouterr().out == (DEPLOY / path).read_text(encoding="utf-8")


def test_the_admission_policy_holds_the_accounts_of_the_namespace_that_is_shipped() -> None:
    (namespace,) = read("base/namespace.yaml")
    policy, binding = read("base/admission-policy.yaml")

    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert binding["spec"]["paramRef"]["selector"]["matchLabels"].items() <= namespace["metadata"]["labels"].items()
    assert namespace["metadata"]["annotations"] == {SYSTEM_NAMESPACES: ""}
    (condition,) = policy["spec"]["matchConditions"]
    assert {account["metadata"]["name"] for account in read("base/accounts.yaml")} == set(
        re.findall(r"'(\w+)'", condition["expression"].partition(".map")[0])
    )


def test_one_namespaces_bindings_are_the_clusters() -> None:
    assert bindings("namespace/role-bindings.yaml") == bindings("components/whole-cluster/cluster-bindings.yaml")
    assert bindings("namespace-with-secrets/role-binding.yaml") == bindings(
        "components/read-secrets/cluster-binding.yaml"
    )


def test_the_page_says_what_happens_without_each_right() -> None:
    given = rights("base/roles.yaml")
    missing = [
        f"{name}: {verb} {resource}"
        for name, verbs in given.items()
        for verb, resource in verbs
        if not re.search(rf"^\| `{name}` \| `{verb}` {resource} \|", DOCS, re.MULTILINE)
    ]

    assert missing == []


def test_the_page_names_folders_that_exist_and_each_that_can_be_used() -> None:
    named = set(re.findall(r"`deploy/kubernetes/([a-z/-]+)`", DOCS))

    assert named == {
        str(path.parent.relative_to(DEPLOY)) for path in KUSTOMIZATIONS if path.parent.parent.name != "example"
    }


def test_alertmanager_s_receiver_posts_to_the_service() -> None:
    receivers = yaml.safe_load((ROOT / "deploy" / "monitoring" / "alertmanager.yaml").read_text(encoding="utf-8"))[
        "receivers"
    ]
    (url,) = [urlsplit(webhook["url"]) for receiver in receivers for webhook in receiver.get("webhook_configs", ())]

    (port,) = service("runmend-bridge")["ports"]
    assert (url.hostname, url.port, url.path) == ("runmend-bridge.runmend.svc", port["port"], "/alerts")
    assert str(ports("bridge")[port["targetPort"]]) in container("bridge")["args"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_name_leads_prometheus_to_each_pod_and_all_its_ports(component: str) -> None:
    pods = service(f"runmend-{component}-pods")

    assert pods["clusterIP"] == "None"
    assert pods["publishNotReadyAddresses"] is True, "what is not ready is what one wants to look at"
    assert {each["targetPort"]: each["port"] for each in pods["ports"]} == ports(component)


def test_prometheus_scrapes_the_ports_that_are_open_and_every_one_of_them() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yaml").read_text(encoding="utf-8"))
    found = [found for job in config["scrape_configs"] for found in job.get("dns_sd_configs", ())]

    assert {each["type"] for each in found} == {"A"}
    assert sorted((name, each["port"]) for each in found for name in each["names"]) == sorted(
        (f"runmend-{component}-pods.runmend.svc", port)
        for component in COMPONENTS
        for port in ports(component).values()
    )


def test_what_a_probe_or_a_scrape_asks_listens_on_every_address() -> None:
    assert {environment(component)["RUNMEND_METRICS_HOST"] for component in COMPONENTS} == {"0.0.0.0"}
    assert {environment(component)["RUNMEND_SDK_METRICS_PORT"] for component in COMPONENTS} == {"9465"}
    assert {ports(component)["sdk-metrics"] for component in COMPONENTS} == {9465}
    assert "0.0.0.0" in container("bridge")["args"]


def test_the_network_policies_let_out_to_dns_the_api_server_registries_and_temporal() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in read("base/network-policies.yaml")}
    dns, https, temporal = policies["to-what-is-needed"]["egress"]
    address = settings_of("base/kustomization.yaml")["TEMPORAL_ADDRESS"]

    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert dns["to"][0]["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}
    assert [port["port"] for port in https["ports"]] == [443, 6443]
    assert [port["port"] for port in temporal["ports"]] == [int(address.rpartition(":")[2])]
    assert policies["deny-the-rest"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_one_pod_of_each_may_leave_at_a_time_and_none_that_is_broken_keeps_a_node() -> None:
    budgets = read("base/disruption-budgets.yaml")
    assert [(each["spec"]["maxUnavailable"], each["spec"]["unhealthyPodEvictionPolicy"]) for each in budgets] == [
        (1, "AlwaysAllow")
    ] * 2


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_pod_has_two_minutes_to_start_and_may_run_beside_another(component: str) -> None:
    probe = container(component)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 120
    assert {each["whenUnsatisfiable"] for each in pod(component)["topologySpreadConstraints"]} == {"ScheduleAnyway"}
