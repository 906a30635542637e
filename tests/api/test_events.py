"""Event webhooks and notifications: what is delivered, which addresses get it, and when nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from conftest import Person, Server
from fastback.kit.web_guard import BlockedAddress, WebGuard
from stub_server import serve_handler

WEBHOOKS = "/api/events/webhooks"
TARGETS = "/api/v1/notifications/targets"
FEEDBACK = "/api/v1/evaluations/feedback"


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"ENABLE_LOCAL_WEB_FETCH": "true", "ENABLE_USER_WEBHOOKS": "true", **getattr(request, "param", {})}


class WebhookServer:
    """A server that records the webhooks it gets."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[Any] = []
        self.paths: list[str] = []
        self.status = 200
        #: Seconds until it responds, by request path.
        self.delays: dict[str, float] = {}
        self._arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.paths.append(request.path)
        self._arrived.set()
        await asyncio.sleep(self.delays.get(request.path, 0))
        return web.Response(status=self.status, headers={"location": "/elsewhere"})

    async def wait_for_next(self) -> Any:
        await asyncio.wait_for(self._arrived.wait(), 10)
        self._arrived.clear()
        return self.bodies[-1]


@pytest.fixture
async def hook() -> AsyncIterator[WebhookServer]:
    server = WebhookServer()
    async with serve_handler(server.answer) as url:
        server.url = f"{url}/hook"
        yield server


async def test_a_webhook_gets_the_events_it_selects(ada: Person, bob: Person, hook: WebhookServer) -> None:
    (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["feedback.*"]})).ok()
    feedback = (await bob.post(FEEDBACK, {"type": "rating", "data": {"rating": 1, "api_key": "hush"}})).ok()
    event = await hook.wait_for_next()
    assert event["event"] == "feedback.created"
    assert (event["resource"], event["operation"]) == ("feedback", "created")
    assert event["actor"] == {"id": bob.id, "name": "Bob", "email": "bob@example.com", "role": "user", "type": "user"}
    assert event["subject"] == {"type": "feedback", "id": feedback["id"]}
    assert event["data"] == {"rating": 1}
    assert len(hook.bodies) == 1  # the webhook does not select its own creation


async def test_webhooks_get_start_and_stop(start_server: Callable[..., Any], hook: WebhookServer) -> None:
    async with start_server(ENABLE_LOCAL_WEB_FETCH="true") as first:
        ada = await first.sign_up("Ada")
        (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["system.*"]})).ok()
    assert {event["event"] for event in hook.bodies} == {"system.shutdown.started", "system.shutdown.completed"}
    assert hook.bodies[0]["source"] == "system" and hook.bodies[0]["actor"] is None
    async with start_server(ENABLE_LOCAL_WEB_FETCH="true"):
        while len(hook.bodies) < 4:
            await hook.wait_for_next()
    assert {event["event"] for event in hook.bodies[2:4]} == {"system.startup.started", "system.startup.completed"}


async def test_a_silent_webhook_does_not_delay_a_stop(
    start_server: Callable[..., Any], hook: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastback.kit.tasks.FINISHING_SECONDS", 0.2)
    hook.delays["/hook"] = 30
    async with start_server(ENABLE_LOCAL_WEB_FETCH="true") as server:
        ada = await server.sign_up("Ada")
        (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["system.shutdown.started"]})).ok()
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 5
    assert len(hook.bodies) == 1


async def test_a_slow_webhook_delays_only_itself(
    ada: Person, hook: WebhookServer, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from fastback.access.activity import ActivityEvent
    from fastback.features.webhooks import delivery
    from fastback.kit.bus import Bus

    monkeypatch.setattr(delivery, "MAX_QUEUED", 20)
    hook.delays["/slow"] = 1
    slow = hook.url.replace("/hook", "/slow")
    for url in (slow, hook.url):
        (await ada.post(WEBHOOKS, {"url": url, "events": ["feedback.created"]})).ok()
    bus = server.services.get(Bus)

    for _ in range(30):
        await bus.publish(ActivityEvent("feedback.created", None, "1"))
        await asyncio.sleep(0.01)
    while hook.paths.count("/hook") < 30:
        await hook.wait_for_next()
    assert hook.paths.count("/slow") == delivery.MAX_CONCURRENT
    while hook.paths.count("/slow") < 20:
        await hook.wait_for_next()
    await asyncio.sleep(0.7)
    assert hook.paths.count("/slow") == 20
    assert caplog.text.count("slower than events come") == 1


async def test_targets_select_users(ada: Person, bob: Person, cy: Person, hook: WebhookServer) -> None:
    targets = [{"type": "user", "id": cy.id}]
    (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["feedback.created"], "targets": targets})).ok()
    (await bob.post(FEEDBACK, {"type": "rating"})).ok()
    (await cy.post(FEEDBACK, {"type": "rating"})).ok()
    assert (await hook.wait_for_next())["actor"]["name"] == "Cy"
    assert len(hook.bodies) == 1


async def test_a_failing_or_disabled_webhook_disturbs_no_request(ada: Person, hook: WebhookServer) -> None:
    hook.status = 500
    (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["feedback.created"]})).ok()
    quiet = (await ada.post(WEBHOOKS, {"url": hook.url, "enabled": False})).ok()
    (await ada.post(FEEDBACK, {"type": "rating"})).ok()
    await hook.wait_for_next()
    (await ada.post(FEEDBACK, {"type": "rating"})).ok()
    await hook.wait_for_next()
    assert len(hook.bodies) == 2
    assert quiet["enabled"] is False


async def test_a_finished_answer_notifies_its_user(ada: Person, hook: WebhookServer, server: Server) -> None:
    from fastback.access.activity import ActivityEvent
    from fastback.kit.bus import Bus

    form = {"events": ["chat.finished"], "delivery": "always", "config": {"url": hook.url}}
    target = (await ada.post(TARGETS, form)).ok()
    assert hook.url not in str(target)
    away = (await ada.post(TARGETS, {**form, "delivery": "away"})).ok()
    bus = server.services.get(Bus)
    data = {"user_id": ada.id, "title": "Soup", "message": "Leek.", "url": "/c/1"}
    await bus.publish(ActivityEvent("chat.finished", None, "1", "chat", data))
    assert await hook.wait_for_next() == {"action": "chat", "message": "Leek.", "title": "Soup", "url": "/c/1"}
    await asyncio.sleep(0.2)
    assert len(hook.bodies) == 1  # she is present, so the target for absent users gets nothing
    assert away["delivery"] == "away"


async def test_a_target_can_be_tested(ada: Person, hook: WebhookServer) -> None:
    target = (await ada.post(TARGETS, {"id": "mine", "config": {"url": hook.url}})).ok()
    (await ada.post(f"{TARGETS}/{target['id']}/test")).ok()
    assert (await hook.wait_for_next()) == {"action": "test", "user_id": ada.id}
    hook.status = 302
    assert (await ada.post(f"{TARGETS}/mine/test")).status == 200
    hook.status = 404
    (await ada.post(f"{TARGETS}/mine/test")).refused(400, "Webhook delivery failed")


@pytest.mark.parametrize("environment", [{"ENABLE_LOCAL_WEB_FETCH": "false"}], indirect=True)
async def test_nothing_is_sent_into_the_local_network(ada: Person, hook: WebhookServer, server: Server) -> None:
    from fastback.config import Config
    from fastback.features.webhooks.sender import WebhookSender

    (await ada.post(WEBHOOKS, {"url": hook.url})).refused(400)
    (await ada.post(TARGETS, {"config": {"url": hook.url}})).refused(400)
    config = server.services.get(Config)
    await config.set("events.webhooks", [{"id": "x", "url": hook.url, "events": ["*"]}])
    sender = server.services.get(WebhookSender)
    assert await sender.send(hook.url, "x", {}) is False
    assert hook.bodies == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://localhost/",
        "http://metadata.google.internal/",
        "ftp://93.184.216.34/",
        "http://93.184.216.34\\@127.0.0.1/",
        "http://93.184.216.34:x/",
        "http://user@/",
        "",
    ],
)
async def test_blocked_addresses(url: str) -> None:
    with pytest.raises(BlockedAddress):
        await WebGuard().check_url(url)


async def test_lists_of_allowed_and_blocked_hosts() -> None:
    await WebGuard().check_url("https://93.184.216.34/x")
    await WebGuard(["93.184.216.34"]).check_url("https://93.184.216.34/x")
    for entries in (["corp.com"], ["!93.184.216.0/24"]):
        with pytest.raises(BlockedAddress):
            await WebGuard(entries).check_url("https://93.184.216.34/x")
    with pytest.raises(BlockedAddress):
        WebGuard(["!corp.com"]).check_host("api.corp.com")
    WebGuard(["!corp.com"]).check_host("evilcorp.com")
    with pytest.raises(BlockedAddress):
        await WebGuard(allow_local=True).check_url("http://169.254.169.254/")


async def test_every_event_rule_names_an_operation_and_known_events() -> None:
    from fastback.app import list_routers
    from fastback.features.webhooks.catalog import load_event_catalog
    from fastback.features.webhooks.operations import EVENT_RULES

    routes = {
        (route.method, route.path.replace(":path}", "}").rstrip("/"))
        for router in list_routers()
        for route in router.routes
    }
    assert set(EVENT_RULES) <= routes
    assert {event for rule in EVENT_RULES.values() for event in rule.events} <= set(load_event_catalog())


async def test_nothing_is_looked_up_without_a_subscriber(
    ada: Person, hook: WebhookServer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastback.features.webhooks.emission import PriorLookup

    lookups: list[str] = []
    run_lookup = PriorLookup.run

    async def record_lookup(self: PriorLookup, *arguments: Any) -> Any:
        lookups.append(self.name)
        return await run_lookup(self, *arguments)

    monkeypatch.setattr(PriorLookup, "run", record_lookup)
    for events in (None, ["prompt.created"], ["prompt.deleted"]):
        if events:
            (await ada.post(WEBHOOKS, {"url": hook.url, "events": events})).ok()
        prompt = (await ada.post("/api/v1/prompts/create", {"command": "hi", "name": "Hi", "content": "Hi"})).ok()
        (await ada.delete(f"/api/v1/prompts/id/{prompt['id']}/delete")).ok()
    assert lookups == ["prompt"]
