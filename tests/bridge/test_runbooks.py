"""The runbooks' directory: compiled at start and on change; what does not compile is named and harms nothing else."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from runmend.bridge import create_app, reload
from runmend.runbook.loader import Catalog
from tests.bridge.support import Installation, an_alert, until
from tests.builders import a_runbook

BROKEN = a_runbook().replace("kubectl patch deployment", "kubectl exec deployment")


@pytest.fixture
async def living(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """An installation whose lifespan has begun, so that the directory is watched."""
    monkeypatch.setattr(reload, "LOOK_AGAIN_SECONDS", 1)
    async with installed.app.router.lifespan_context(installed.app):
        yield installed


async def metric(installed: Installation, line: str) -> bool:
    return line in (await installed.http.get("/metrics")).text.splitlines()


async def test_a_new_runbook_is_loaded_without_a_restart(living: Installation) -> None:
    (living.settings.runbooks / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))

    await until(lambda: "RB_OTHER" in living.catalog.plans)

    (pod,) = await living.deploy()
    assert await living.answers(an_alert(pod, alertname="OtherAlert")) == ["started"]
    assert await metric(living, 'runmend_runbooks{state="loaded"} 2.0')


async def test_a_change_in_a_subdirectory_is_seen_also_where_a_link_leads_there(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No watch reports it: the files that links lead to are looked at."""
    monkeypatch.setattr(reload, "LOOK_AGAIN_SECONDS", 1)
    folder = installed.settings.runbooks
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (folder / "pods").symlink_to(elsewhere)
    async with installed.app.router.lifespan_context(installed.app):
        (elsewhere / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))

        await until(lambda: "RB_OTHER" in installed.catalog.plans)


async def test_a_runbook_that_breaks_leaves_its_last_good_version_and_the_others(
    living: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    (living.settings.runbooks / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))
    await until(lambda: "RB_OTHER" in living.catalog.plans)
    good = living.catalog.plans["RB_IMAGEPULL"]

    (living.settings.runbooks / "RB_IMAGEPULL.md").write_text(BROKEN)
    await until(lambda: living.catalog.problems)

    assert living.catalog.plans["RB_IMAGEPULL"] == good
    assert "RB_OTHER" in living.catalog.plans
    await until(lambda: any(record.levelno == logging.ERROR for record in caplog.records))
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "runbook does not compile; its last good version stays, if there is one"
    assert "RB_IMAGEPULL.md:42:25: error: " in record.__dict__["problem"]
    ready = await living.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    (said,) = ready.json()["checks"]["runbooks"]["broken"].values()
    assert "RB_IMAGEPULL.md:42:25: error: " in said
    assert await metric(living, 'runmend_runbooks{state="broken"} 1.0')
    assert await metric(living, 'runmend_runbooks{state="loaded"} 2.0')

    (living.settings.runbooks / "RB_IMAGEPULL.md").write_text(a_runbook())
    await until(lambda: not living.catalog.problems)
    assert (await living.http.get("/readyz")).json()["status"] == "ready"


async def test_readiness_says_that_the_directory_cannot_be_read_until_it_can(living: Installation) -> None:
    folder = living.settings.runbooks
    away = folder.rename(folder.with_name("away"))

    async def until_it_says(*expected: str) -> None:
        async with asyncio.timeout(20):
            while True:
                answer = (await living.http.get("/readyz")).json()
                if (answer["status"], answer["checks"]["runbooks"]["detail"]) == expected:
                    return
                await asyncio.sleep(0.05)

    await until_it_says("degraded", f"not loaded anew: {folder}: No such file or directory")
    assert list(living.catalog.plans) == ["RB_IMAGEPULL"]

    away.rename(folder)
    await until_it_says("ready", "as their directory has them")


async def test_what_changed_between_the_first_compilation_and_the_watch_is_loaded(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "LOOK_AGAIN_SECONDS", 1)
    (installed.settings.runbooks / "RB_OTHER.md").write_text(a_runbook("RB_OTHER", alertname="OtherAlert"))

    async with installed.app.router.lifespan_context(installed.app):
        await until(lambda: "RB_OTHER" in installed.catalog.plans)


async def test_runbooks_that_are_removed_are_unloaded(living: Installation) -> None:
    (living.settings.runbooks / "RB_IMAGEPULL.md").unlink()

    await until(lambda: not living.catalog.plans)

    assert (await living.http.get("/readyz")).status_code == 503


async def test_a_configmaps_update_which_only_moves_a_link_is_seen(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "LOOK_AGAIN_SECONDS", 1)
    folder = installed.settings.runbooks
    (folder / "RB_IMAGEPULL.md").unlink()
    for version, text in (("..v1", a_runbook()), ("..v2", a_runbook(fallback="registry.example/known-good:2"))):
        (folder / version).mkdir()
        (folder / version / "RB_IMAGEPULL.md").write_text(text)
    (folder / "..data").symlink_to("..v1")
    (folder / "RB_IMAGEPULL.md").symlink_to("..data/RB_IMAGEPULL.md")
    installed.catalog.reload()
    async with installed.app.router.lifespan_context(installed.app):
        (folder / "..tmp").symlink_to("..v2")
        (folder / "..tmp").rename(folder / "..data")

        await until(lambda: installed.catalog.plans["RB_IMAGEPULL"].image_for("app") == "registry.example/known-good:2")


async def test_a_directory_that_is_replaced_is_found_again_and_the_last_good_runbooks_serve_meanwhile(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reload, "LOOK_AGAIN_SECONDS", 1)
    async with installed.app.router.lifespan_context(installed.app):
        shutil.rmtree(installed.settings.runbooks)
        await until(lambda: "cannot be watched" in caplog.text or "not reloaded" in caplog.text)
        assert "RB_IMAGEPULL" in installed.catalog.plans

        installed.settings.runbooks.mkdir()
        (installed.settings.runbooks / "RB_OTHER.md").write_text(a_runbook("RB_OTHER"))
        await until(lambda: list(installed.catalog.plans) == ["RB_OTHER"])
        (installed.settings.runbooks / "RB_OTHER.md").write_text(a_runbook("RB_THIRD"))
        await until(lambda: list(installed.catalog.plans) == ["RB_THIRD"])


async def test_a_broken_runbook_at_start_is_named_and_without_any_other_the_bridge_is_not_ready(
    installed: Installation,
) -> None:
    (installed.settings.runbooks / "RB_IMAGEPULL.md").write_text(BROKEN)
    catalog = Catalog(installed.settings.runbooks)
    other = replace(
        installed, catalog=catalog, app=create_app(installed.settings, installed.client, installed.cluster, catalog)
    )

    async with other.http:
        response = await other.http.get("/readyz")
        healthy = await other.http.get("/healthz")
        answers = await other.answers(an_alert(namespace="shop", pod="web-1"))

    assert response.status_code == 503
    assert response.json()["checks"]["runbooks"]["ok"] is False
    assert "RB_IMAGEPULL.md:42:25: error: " in next(iter(response.json()["checks"]["runbooks"]["broken"].values()))
    assert response.json()["checks"]["temporal"]["ok"] is True
    assert healthy.status_code == 200
    assert answers == ["unrouted"]


async def test_a_healthy_bridge_is_ready(installed: Installation) -> None:
    response = await installed.http.get("/readyz")

    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert response.json()["checks"]["runbooks"]["loaded"] == ["RB_IMAGEPULL"]


async def test_the_lifespan_ends_at_once(installed: Installation) -> None:
    async with asyncio.timeout(3):
        async with installed.app.router.lifespan_context(installed.app):
            await asyncio.sleep(0.1)


async def test_metrics_count_alerts_webhooks_and_time(installed: Installation) -> None:
    (pod,) = await installed.deploy()
    await installed.answers(an_alert(pod))
    await installed.answers(an_alert(pod))
    await installed.http.post("/alerts", content=b"no JSON")

    for line in (
        'runmend_alerts_total{answer="started"} 1.0',
        'runmend_alerts_total{answer="known"} 1.0',
        'runmend_alerts_total{answer="gone"} 0.0',
        'runmend_webhooks_total{status="200"} 2.0',
        'runmend_webhooks_total{status="400"} 1.0',
        "runmend_webhook_seconds_count 3.0",
        'runmend_runbooks{state="loaded"} 1.0',
        'runmend_runbooks{state="broken"} 0.0',
    ):
        assert await metric(installed, line), line


async def test_two_apps_in_one_process_count_for_themselves(installed: Installation) -> None:
    await installed.http.post("/alerts", content=b"no JSON")

    async with installed.with_settings().http as http:
        assert 'runmend_webhooks_total{status="400"} 0.0' in (await http.get("/metrics")).text


async def test_every_answer_is_logged_with_its_reason(
    installed: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    await installed.answers(an_alert(namespace="shop", pod="web-1", alertname="Watchdog"))

    (record,) = [record for record in caplog.records if record.getMessage() == "alerts answered"]
    fields = record.__dict__
    assert record.levelno == logging.WARNING
    assert (fields["answer"], fields["alertname"], fields["why"]) == (
        "unrouted",
        "Watchdog",
        "no runbook is loaded for alertname 'Watchdog'",
    )


async def test_alerts_that_are_answered_alike_are_one_line(
    installed: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pods = await installed.deploy(replicas=2)
    stray = an_alert(namespace="shop", pod="web-1", alertname="Watchdog")

    await installed.answers(*(an_alert(pod) for pod in pods), stray)

    told = [record.__dict__ for record in caplog.records if record.getMessage() == "alerts answered"]
    assert [(line["answer"], line["alerts"], line["pods"].split()) for line in told] == [
        ("started", 2, [pod.name for pod in pods]),
        ("unrouted", 1, ["web-1"]),
    ]
    assert len(told[0]["fingerprints"].split()) == 2


async def test_an_answers_line_names_target_and_run_as_the_workers_lines_do(
    installed: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (pod,) = await installed.deploy()

    await installed.answers(an_alert(pod))
    await installed.answers(an_alert(pod))

    told = [record.__dict__ for record in caplog.records if record.getMessage() == "alerts answered"]
    assert [record["answer"] for record in told] == ["started", "known"]
    assert {(record["target"], record["run"]) for record in told} == {
        (installed.target().workflow_id, await installed.run_id())
    }


async def test_every_status_of_a_webhook_is_counted_from_zero(installed: Installation) -> None:
    lines = (await installed.http.get("/metrics")).text.splitlines()

    counted = {line for line in lines if line.startswith("runmend_webhooks_total{")}
    assert counted == {f'runmend_webhooks_total{{status="{status}"}} 0.0' for status in (200, 400, 401, 403, 500, 503)}
