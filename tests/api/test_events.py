"""Event webhooks and notifications: what is delivered, to whom, and where nothing is sent."""

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


class Hook:
    """A server that keeps what it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[Any] = []
        self.asked: list[str] = []
        self.status = 200
        #: Seconds until it answers, by the path it is told at.
        self.patience: dict[str, float] = {}
        self._arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(await request.json())
        self.asked.append(request.path)
        self._arrived.set()
        await asyncio.sleep(self.patience.get(request.path, 0))
        return web.Response(status=self.status, headers={"location": "/elsewhere"})

    async def next(self) -> Any:
        await asyncio.wait_for(self._arrived.wait(), 10)
        self._arrived.clear()
        return self.heard[-1]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    async with serve_handler(made.answer) as url:
        made.url = f"{url}/hook"
        yield made


async def test_a_webhook_is_told_of_what_it_asks_for(ada: Person, bob: Person, hook: Hook) -> None:
    (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["feedback.*"]})).ok()
    kept = (await bob.post(FEEDBACK, {"type": "rating", "data": {"rating": 1, "api_key": "hush"}})).ok()
    told = await hook.next()
    assert told["event"] == "feedback.created"
    assert (told["resource"], told["operation"]) == ("feedback", "created")
    assert told["actor"] == {"id": bob.id, "name": "Bob", "email": "bob@example.com", "role": "user", "type": "user"}
    assert told["subject"] == {"type": "feedback", "id": kept["id"]}
    assert told["data"] == {"rating": 1}
    assert len(hook.heard) == 1  # its own making was not asked for


async def test_starting_and_stopping_is_told(start_server: Callable[..., Any], hook: Hook) -> None:
    async with start_server(ENABLE_LOCAL_WEB_FETCH="true") as first:
        ada = await first.sign_up("Ada")
        (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["system.*"]})).ok()
    assert {one["event"] for one in hook.heard} == {"system.shutdown.started", "system.shutdown.completed"}
    assert hook.heard[0]["source"] == "system" and hook.heard[0]["actor"] is None
    async with start_server(ENABLE_LOCAL_WEB_FETCH="true"):
        while len(hook.heard) < 4:
            await hook.next()
    assert {one["event"] for one in hook.heard[2:4]} == {"system.startup.started", "system.startup.completed"}


async def test_a_webhook_that_is_silent_holds_up_no_stop(
    start_server: Callable[..., Any], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastback.kit.tasks.FINISHING_SECONDS", 0.2)
    hook.patience["/hook"] = 30
    async with start_server(ENABLE_LOCAL_WEB_FETCH="true") as server:
        ada = await server.sign_up("Ada")
        (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["system.shutdown.started"]})).ok()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    assert len(hook.heard) == 1


async def test_a_webhook_that_is_slow_holds_up_itself_alone(
    ada: Person, hook: Hook, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from fastback.access.activity import ActivityEvent
    from fastback.features.webhooks import delivery
    from fastback.kit.bus import Bus

    monkeypatch.setattr(delivery, "MAX_QUEUED", 20)
    hook.patience["/slow"] = 1
    slow = hook.url.replace("/hook", "/slow")
    for url in (slow, hook.url):
        (await ada.post(WEBHOOKS, {"url": url, "events": ["feedback.created"]})).ok()
    bus = server.services.get(Bus)

    for _ in range(30):
        await bus.publish(ActivityEvent("feedback.created", None, "1"))
        await asyncio.sleep(0.01)
    while hook.asked.count("/hook") < 30:
        await hook.next()
    assert hook.asked.count("/slow") == delivery.MAX_CONCURRENT
    while hook.asked.count("/slow") < 20:
        await hook.next()
    await asyncio.sleep(0.7)
    assert hook.asked.count("/slow") == 20
    assert caplog.text.count("slower than events come") == 1


async def test_targets_say_about_whom(ada: Person, bob: Person, cy: Person, hook: Hook) -> None:
    targets = [{"type": "user", "id": cy.id}]
    (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["feedback.created"], "targets": targets})).ok()
    (await bob.post(FEEDBACK, {"type": "rating"})).ok()
    (await cy.post(FEEDBACK, {"type": "rating"})).ok()
    assert (await hook.next())["actor"]["name"] == "Cy"
    assert len(hook.heard) == 1


async def test_a_failing_or_switched_off_webhook_hinders_nobody(ada: Person, hook: Hook) -> None:
    hook.status = 500
    (await ada.post(WEBHOOKS, {"url": hook.url, "events": ["feedback.created"]})).ok()
    quiet = (await ada.post(WEBHOOKS, {"url": hook.url, "enabled": False})).ok()
    (await ada.post(FEEDBACK, {"type": "rating"})).ok()
    await hook.next()
    (await ada.post(FEEDBACK, {"type": "rating"})).ok()
    await hook.next()
    assert len(hook.heard) == 2
    assert quiet["enabled"] is False


async def test_an_answer_ends_and_whoever_is_away_is_told(ada: Person, hook: Hook, server: Server) -> None:
    from fastback.access.activity import ActivityEvent
    from fastback.kit.bus import Bus

    form = {"events": ["chat.finished"], "delivery": "always", "config": {"url": hook.url}}
    made = (await ada.post(TARGETS, form)).ok()
    assert hook.url not in str(made)
    away = (await ada.post(TARGETS, {**form, "delivery": "away"})).ok()
    bus = server.services.get(Bus)
    data = {"user_id": ada.id, "title": "Soup", "message": "Leek.", "url": "/c/1"}
    await bus.publish(ActivityEvent("chat.finished", None, "1", "chat", data))
    assert await hook.next() == {"action": "chat", "message": "Leek.", "title": "Soup", "url": "/c/1"}
    await asyncio.sleep(0.2)
    assert len(hook.heard) == 1  # she is here, so the other one keeps silent
    assert away["delivery"] == "away"


async def test_a_target_can_be_tried(ada: Person, hook: Hook) -> None:
    target = (await ada.post(TARGETS, {"id": "mine", "config": {"url": hook.url}})).ok()
    (await ada.post(f"{TARGETS}/{target['id']}/test")).ok()
    assert (await hook.next()) == {"action": "test", "user_id": ada.id}
    hook.status = 302
    assert (await ada.post(f"{TARGETS}/mine/test")).status == 200
    hook.status = 404
    (await ada.post(f"{TARGETS}/mine/test")).refused(400, "Webhook delivery failed")


@pytest.mark.parametrize("environment", [{"ENABLE_LOCAL_WEB_FETCH": "false"}], indirect=True)
async def test_nothing_is_sent_into_our_own_network(ada: Person, hook: Hook, server: Server) -> None:
    from fastback.config import Config
    from fastback.features.webhooks.sender import WebhookSender

    (await ada.post(WEBHOOKS, {"url": hook.url})).refused(400)
    (await ada.post(TARGETS, {"config": {"url": hook.url}})).refused(400)
    config = server.services.get(Config)
    await config.set("events.webhooks", [{"id": "x", "url": hook.url, "events": ["*"]}])
    poster = server.services.get(WebhookSender)
    assert await poster.send(hook.url, "x", {}) is False
    assert hook.heard == []


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
async def test_addresses_that_nobody_may_name(url: str) -> None:
    with pytest.raises(BlockedAddress):
        await WebGuard().check_url(url)


async def test_lists_of_names() -> None:
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


async def test_every_line_of_the_table_is_an_operation_and_tells_known_events() -> None:
    from fastback.app import list_routers
    from fastback.features.webhooks.catalog import load_event_catalog
    from fastback.features.webhooks.operations import EVENT_RULES

    routes = {
        (route.method, route.path.replace(":path}", "}").rstrip("/")) for one in list_routers() for route in one.routes
    }
    assert set(EVENT_RULES) <= routes
    assert {event for line in EVENT_RULES.values() for event in line.events} <= set(load_event_catalog())


async def test_nothing_is_looked_up_where_nobody_wants_to_hear(
    ada: Person, hook: Hook, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastback.features.webhooks.emission import PriorLookup

    looked: list[str] = []
    look = PriorLookup.run

    async def counted(self: PriorLookup, *arguments: Any) -> Any:
        looked.append(self.name)
        return await look(self, *arguments)

    monkeypatch.setattr(PriorLookup, "run", counted)
    for events in (None, ["prompt.created"], ["prompt.deleted"]):
        if events:
            (await ada.post(WEBHOOKS, {"url": hook.url, "events": events})).ok()
        made = (await ada.post("/api/v1/prompts/create", {"command": "hi", "name": "Hi", "content": "Hi"})).ok()
        (await ada.delete(f"/api/v1/prompts/id/{made['id']}/delete")).ok()
    assert looked == ["prompt"]
