"""Why images cannot be pulled: what the runbook's diagnostic steps find. Nothing that they find, or cannot tell, stops
a run."""

import json
from base64 import b64encode
from typing import Any

import pytest

from runmend.core.modes import Mode
from runmend.core.outcomes import Outcome
from runmend.images.pull_failures import Cause
from runmend.images.pull_secrets import Credentials
from runmend.images.registry import Answer, Registry, RegistryAnswer
from runmend.plan.messages import Finding, Options, RunResult
from runmend.reports.pull_advice import ABOUT_CAUSES
from runmend.reports.report import render
from tests.builders import FALLBACK, GOOD, MISSING, a_deployment, an_alert
from tests.workflow.acts import an_event, freeze, waits
from tests.workflow.scenes import a_runbook, finding
from tests.world import Offline, World

DIAGNOSE = Options(mode=Mode.RECOMMEND)
SECRETS = "/api/v1/namespaces/shop/secrets"
CONFIGURED, VALID = "service account has imagePullSecrets", "pull secret exists"
DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"


def a_pull_secret(registry: str = "registry.example", *, name: str = "regcred") -> dict[str, Any]:
    auths = {"auths": {registry: {"auth": b64encode(b"robot:hunter2").decode()}}}
    return {"metadata": {"name": name}, "type": DOCKER_CONFIG, "stringData": {".dockerconfigjson": json.dumps(auths)}}


async def diagnosed(world: World, image: str = MISSING, *, pull_secrets: tuple[str, ...] = ()) -> RunResult:
    """The result of a run that only looks."""
    deployment = a_deployment(replicas=1, images={"app": image})
    deployment["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": name} for name in pull_secrets]
    world.create("/apis/apps/v1/namespaces/shop/deployments", deployment)
    await world.until_broken()
    result = await world.completed(await world.start(options=DIAGNOSE))
    assert result.outcome is Outcome.RECOMMENDED
    return result


def only(found: list[Finding]) -> tuple[bool | None, str]:
    (one,) = found
    return one.ok, one.found


@pytest.mark.parametrize(
    ("tag", "cause"),
    [("missing", Cause.NOT_FOUND), ("unauthorized", Cause.AUTHENTICATION), ("unreachable", Cause.NETWORK)],
)
async def test_events_are_sorted_by_what_the_runbook_looks_for(world: World, tag: str, cause: Cause) -> None:
    result = await diagnosed(world, f"registry.example/app:{tag}")

    ok, said = only(finding(result, "Check pod events"))
    assert (ok, said.split("; ")[0]) == (False, f"{cause} (reported 1x)")
    assert result.observation is not None
    assert result.observation.causes == {cause: 1}
    step = result.steps[0]
    assert (step.confirmed, step.facts[cause]) == (True, 1)
    assert step.summary.endswith(f"of ImagePullBackOff: confirmed ({cause})")


@pytest.mark.parametrize(
    ("look_for", "said"),
    [
        ("network errors", "network error: DNS failure (reported 3x)"),
        ("DNS failures", "network error: DNS failure (reported 3x)"),
        ("a full disk", "network error: DNS failure, which the runbook does not look for (3x)"),
    ],
)
async def test_a_kind_of_network_error_is_named_and_counts_as_one(world: World, look_for: str, said: str) -> None:
    plan = a_runbook(("authentication failures, image not found, network errors", look_for))
    world.deploy(replicas=1, images={"app": GOOD})
    await world.until_running(1)
    (pod,) = world.pods()
    freeze(world, pod, phase="Pending", state=waits("ImagePullBackOff"))
    an_event(world, pod, f'Failed to pull image "{GOOD}": dial tcp: lookup registry.example: no such host', count=3)

    result = await world.completed(
        await world.start(plan=plan, options=Options(mode=Mode.RECOMMEND, protect_serving=False))
    )

    assert only(finding(result, "Check pod events"))[1].split("; ")[0] == said
    assert f"### What you can do\n\nDNS failure: {ABOUT_CAUSES[Cause.DNS]}" in render(result)


async def test_events_that_may_not_be_read_fail_the_runbooks_step_and_not_the_diagnosis(world: World) -> None:
    world.deploy(replicas=1)
    await world.until_broken()
    world.faults.add("GET", "/events", times=2, status=403, reason="events is forbidden")

    failed = await world.failed(await world.start())

    assert (failed.kind, failed.result.failed_step) == (Outcome.STEP_FAILED, "get_pod_events")
    assert "events is forbidden" in failed.message
    assert only(finding(failed.result, "Check pod events")) == (
        None,
        "unknown: GET events shop: 403: events is forbidden",
    )


async def test_a_silent_kubelet_confirms_nothing_and_stops_nothing(world: World) -> None:
    world.deploy(replicas=1, images={"app": GOOD})
    await world.until_running(1)
    (pod,) = world.pods()
    freeze(world, pod, phase="Pending", state=waits("ImagePullBackOff"))

    handle = await world.start(options=Options(protect_serving=False))
    await world.window(handle)
    await world.skip()
    result = await world.completed(handle)

    assert result.outcome is Outcome.RESOLVED
    assert "0 of them of ImagePullBackOff: not confirmed" in only(finding(result, "Check pod events"))[1]
    assert result.steps[0].confirmed is False
    assert result.steps[0].summary.endswith("not confirmed by events, which expire and are rationed")


async def test_a_pod_without_pull_secrets_has_none_to_check(world: World) -> None:
    result = await diagnosed(world)

    assert only(finding(result, CONFIGURED)) == (None, "none configured")
    assert only(finding(result, VALID)) == (None, "there is none to check")


async def test_a_pull_secret_of_the_pod_that_covers_the_registry_is_found_and_never_shown(world: World) -> None:
    world.create(SECRETS, a_pull_secret())
    result = await diagnosed(world, pull_secrets=("regcred",))

    assert only(finding(result, CONFIGURED)) == (True, "configured: regcred")
    assert only(finding(result, VALID)) == (True, f"regcred has credentials for {MISSING}")
    assert "hunter2" not in result.model_dump_json()


async def test_a_pull_secret_whose_credentials_the_registry_refuses_is_not_valid(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Registry, image: str, credentials: tuple[Credentials, ...]) -> RegistryAnswer:
        return RegistryAnswer(image, Answer.UNAUTHORIZED if credentials else Answer.UNKNOWN, "answered 401")

    monkeypatch.setattr(Offline, "ask", refused)
    world.create(SECRETS, a_pull_secret())
    result = await diagnosed(world, pull_secrets=("regcred",))

    assert only(finding(result, VALID)) == (
        False,
        f"regcred has credentials for {MISSING}, which do not let it be pulled: answered 401",
    )


ACCOUNT = "/api/v1/namespaces/shop/serviceaccounts/default"


async def test_a_pull_secret_of_the_service_account_counts_where_the_pod_was_made_with_it(world: World) -> None:
    world.create(SECRETS, a_pull_secret())
    world.patch(ACCOUNT, {"imagePullSecrets": [{"name": "regcred"}]})

    result = await diagnosed(world)

    assert only(finding(result, CONFIGURED)) == (True, "configured: regcred")
    assert only(finding(result, VALID)) == (True, f"regcred has credentials for {MISSING}")


async def test_a_pull_secret_that_the_account_got_after_the_pod_was_made_does_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[Credentials, ...]] = []

    def told(_: Registry, image: str, credentials: tuple[Credentials, ...]) -> RegistryAnswer:
        shown.append(credentials)
        return RegistryAnswer(image, Answer.UNKNOWN, "not asked")

    monkeypatch.setattr(Offline, "ask", told)
    world.create(SECRETS, a_pull_secret())
    world.deploy(replicas=1)
    await world.until_broken()
    world.patch(ACCOUNT, {"imagePullSecrets": [{"name": "regcred"}]})

    result = await world.completed(await world.start(options=DIAGNOSE))

    assert only(finding(result, CONFIGURED)) == (
        False,
        (
            "none configured; the service account default names regcred, which this pod has not: they were not added "
            "when the pod was made, and a new pod would get them"
        ),
    )
    assert only(finding(result, VALID)) == (None, "there is none to check")
    assert set(shown) == {()}


async def test_an_accounts_pull_secret_does_not_count_beside_one_of_the_pods_own(world: World) -> None:
    world.create(SECRETS, a_pull_secret("other.example", name="own"))
    world.create(SECRETS, a_pull_secret())
    world.patch(ACCOUNT, {"imagePullSecrets": [{"name": "regcred"}]})

    result = await diagnosed(world, pull_secrets=("own",))

    assert only(finding(result, CONFIGURED)) == (
        True,
        (
            "configured: own; the service account default names regcred, which this pod has not: a pod that names pull "
            "secrets of its own gets none of its account's"
        ),
    )
    assert only(finding(result, VALID)) == (False, f"no valid secret has credentials for the registry of {MISSING}")


@pytest.mark.parametrize(
    ("secret", "wrong"),
    [
        (None, "regcred: does not exist"),
        (
            {"metadata": {"name": "regcred"}, "stringData": {"a": "b"}},
            "regcred: Secret shop/regcred has type 'Opaque'; expected",
        ),
        (
            {
                "metadata": {"name": "regcred"},
                "type": DOCKER_CONFIG,
                "stringData": {".dockerconfigjson": '{"auths": {}}'},
            },
            "regcred: Secret shop/regcred: .dockerconfigjson has no auths",
        ),
    ],
    ids=["missing", "of the wrong type", "without credentials"],
)
async def test_a_pull_secret_that_cannot_be_used_is_named_with_what_is_wrong(
    world: World, secret: dict[str, Any] | None, wrong: str
) -> None:
    if secret:
        world.create(SECRETS, secret)
    result = await diagnosed(world, pull_secrets=("regcred",))

    broken, uncovered = finding(result, VALID)
    assert broken.ok is False
    assert broken.found.startswith(wrong)
    assert (uncovered.ok, uncovered.found) == (False, f"no valid secret has credentials for the registry of {MISSING}")


async def test_a_pull_secret_for_another_registry_covers_nothing(world: World) -> None:
    world.create(SECRETS, a_pull_secret("other.example"))
    result = await diagnosed(world, pull_secrets=("regcred",))

    assert only(finding(result, VALID)) == (False, f"no valid secret has credentials for the registry of {MISSING}")


async def test_secrets_that_may_not_be_read_are_unknown_and_so_is_what_they_cover(world: World) -> None:
    world.create(SECRETS, a_pull_secret())
    world.faults.add("GET", "/secrets/", times=9, status=403, reason="secrets is forbidden")
    result = await diagnosed(world, pull_secrets=("regcred",))

    assert [(found.ok, found.found) for found in finding(result, VALID)] == [
        (None, "regcred: unknown: GET secrets shop/regcred: 403: secrets is forbidden"),
        (None, f"unknown whether a secret has credentials for the registry of {MISSING}"),
    ]


async def test_a_service_account_that_may_not_be_read_leaves_the_pods_own_secrets_checked(world: World) -> None:
    world.create(SECRETS, a_pull_secret())
    world.faults.add("GET", "/serviceaccounts/", status=403, reason="serviceaccounts is forbidden")
    result = await diagnosed(world, pull_secrets=("regcred",))

    unknown = "unknown for the service account: GET serviceaccounts shop/default: 403: serviceaccounts is forbidden"
    assert only(finding(result, CONFIGURED)) == (True, f"configured: regcred; {unknown}")
    assert only(finding(result, VALID)) == (True, f"regcred has credentials for {MISSING}")


async def test_the_registries_of_the_image_and_of_the_fallback_are_asked_and_silence_is_unknown(world: World) -> None:
    result = await diagnosed(world)

    ok, said = only(finding(result, "tag/digest exists"))
    assert ok is None
    assert said.startswith(f"{MISSING}: unknown: ")
    ok, said = only(finding(result, "image that the runbook would write"))
    assert ok is None
    assert said.startswith(f"{FALLBACK}: unknown: ")
    assert only(finding(result, "name format")) == (True, f"{MISSING}: well-formed")


async def test_a_malformed_image_reference_is_said_to_be_one(world: World) -> None:
    world.deploy(replicas=1, images={"app": "registry.example/App:1.0"})
    await world.until(lambda: any(pod.waiting_for("InvalidImageName") for pod in world.pods()))
    (pod,) = world.pods()
    freeze(world, pod, phase="Pending", state=waits("ErrImagePull"))

    result = await world.completed(await world.start(options=Options(mode=Mode.RECOMMEND, protect_serving=False)))

    assert only(finding(result, "Check pod events"))[1].startswith("invalid image name, which the runbook does not ")
    ok, said = only(finding(result, "name format"))
    assert ok is False
    assert "registry.example/App:1.0" in said


async def test_a_point_that_cannot_be_read_is_reported_as_not_done(world: World) -> None:
    plan = a_runbook(("   - Verify image name format is correct", "   - Ask the vendor for the release notes"))
    world.deploy(replicas=1)
    (pod,) = await world.until_broken()

    result = await world.completed(await world.start((an_alert(pod),), plan=plan, options=DIAGNOSE))

    assert only(finding(result, "Ask the vendor")) == (None, "not done: this point cannot be read by a machine")


async def test_a_long_message_of_the_kubelet_is_cut_to_what_differs(world: World) -> None:
    result = await diagnosed(world, f"registry.example/{'long/' * 30}app:unauthorized")

    _, said = only(finding(result, "Check pod events"))
    assert said == (
        "authentication failure (reported 1x); the runtime says: "
        "failed to authorize: failed to fetch anonymous token: unexpected "
        "status: 401 Unauthorized"
    )
