"""Apps in channels: they are mentioned, hear of messages, read and write them, and answer buttons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from app_server import NAMESPACE, SCOPES, AppServer, run_app_server
from channel_client import CHANNELS, READ, create_channel, create_group, open_channel_page, post_message
from conftest import Person, Server
from fastback.features.channels.apps import message_events
from waiting import wait_until

APPS = "/api/v1/apps"


@pytest.fixture
async def clock() -> AsyncIterator[AppServer]:
    async with run_app_server() as app:
        yield app


@pytest.fixture
def environment(clock: AppServer) -> dict[str, str]:
    return {"ENABLE_APPS": "true", "ENABLE_CHANNELS": "true", "APP_ALLOWED_PRIVATE_ORIGINS": clock.origin}


async def install(ada: Person, clock: AppServer, **form: Any) -> Any:
    app = (await ada.post(APPS, clock.build_form(**form))).ok()
    return (await ada.post(f"{APPS}/{app['id']}/connect", {})).ok()


async def invite(person: Person, channel: Any, app: Any) -> None:
    (await person.post(f"{CHANNELS}/{channel['id']}/apps", {"app_id": app["id"]})).ok()


def mention(app: Any) -> str:
    return f"<@A:{app['id']}|{app['name']}>"


def find_author(message: Any) -> Any:
    return message["user"]["role"], message["user"]["name"]


# -- messages --------------------------------------------------------------------------------------------------------


async def test_an_app_hears_of_the_messages_of_its_channels(ada: Person, bob: Person, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel, other = await create_channel(ada), await create_channel(ada, "other")
    await post_message(ada, channel, "before")
    await invite(ada, channel, app)
    await post_message(ada, other, "elsewhere")
    files = [{"id": "f", "name": "a.txt"}]
    message = await post_message(bob, channel, "Hello", data={"files": files, "secret": 1})
    event = await clock.wait_for_event("channel.message.created")
    assert event["app_id"] == app["id"] and event["installation_id"] == clock.installation_id
    assert event["channel"] == {"id": channel["id"]}
    assert event["message"] == {
        "id": message["id"],
        "channel_id": channel["id"],
        "author": {"type": "user", "id": bob.id},
        "content": "Hello",
        "parent_id": None,
        "reply_to_id": None,
        "files": files,
        "actions": [],
        "embeds": [],
        "created_at": str(message["created_at"]),
        "updated_at": str(message["updated_at"]),
        "etag": str(message["updated_at"]),
    }
    # The event proves itself, to this app alone.
    verified = await clock.ask("verify_event", token=event["event_token"])
    assert verified["message"] == event["message"] and verified["type"] == "channel.message.created"
    assert not {"purpose", "exp", "nonce", "event_token"} & verified.keys()
    refused = {"status": 403, "error": "Invalid or expired app context"}
    assert await clock.request("verify_event", token=event["event_token"][:-3]) == refused
    assert await clock.request("verify_event", token="nonsense") == refused
    assert await clock.request("authorize", token=event["event_token"]) == refused
    # Changes, replies and deletions.
    path = f"{CHANNELS}/{channel['id']}/messages/{message['id']}"
    (await bob.post(f"{path}/update", {"content": "Hello all"})).ok()
    assert (await clock.wait_for_event("channel.message.updated"))["message"]["content"] == "Hello all"
    reply = await post_message(ada, channel, "Hi", parent_id=message["id"])
    assert (await clock.wait_for_event("channel.message.created", 2))["message"]["parent_id"] == message["id"]
    (await bob.delete(f"{path}/delete")).ok()
    deleted = (await clock.wait_for_event("channel.message.deleted"))["message"]
    assert deleted.keys() == {"id", "channel_id", "parent_id", "author", "updated_at"}
    assert deleted["id"] == message["id"]
    assert (await clock.wait_for_event("channel.message.deleted", 2))["message"]["id"] == reply["id"]
    contents = [event["message"].get("content") for event in clock.events]
    assert contents == ["Hello", "Hello all", "Hi", None, None]


async def test_an_app_hears_of_the_finished_answer_of_a_model(ada: Person, open_models: None, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel = await create_channel(ada)
    await invite(ada, channel, app)
    await post_message(ada, channel, "<@M:demo-small> go [[tokens 20]]")
    updated = (await clock.wait_for_event("channel.message.updated"))["message"]
    assert updated["author"] == {"type": "model", "id": "demo-small"} and "word19" in updated["content"]
    assert len([event for event in clock.events if event["type"] == "channel.message.updated"]) == 1


async def test_an_app_reads_and_writes_messages(ada: Person, bob: Person, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel, other = await create_channel(ada), await create_group(bob, name="Birds", is_private=True)
    foreign = await post_message(bob, other, "private")
    await invite(ada, channel, app)
    listed = await clock.ask("list_channels")
    assert listed == [{"id": channel["id"], "name": "general", "type": None, "is_private": False}]
    embed = {"title": "Now", "color": 255, "fields": [{"name": "Time", "value": "12:00"}]}
    action = {"action_id": "stop", "label": "Stop", "context": {"n": 1}}
    async with open_channel_page(bob) as page:
        message = await clock.ask(
            "create_message", channel_id=channel["id"], content="Tick", embeds=[embed], actions=[action]
        )
        assert (message["app_id"], message["user_id"]) == (app["id"], None)
        assert message["user"] == {"id": app["id"], "name": "Clock", "role": "app"}
        assert message["data"]["app"]["actions"] == [{**action, "url": None}]
        event = await page.wait_for("message")
        assert event["data"]["data"]["data"] == message["data"]
        changed = await clock.ask("update_message", message_id=message["id"], etag=message["etag"], content="Tock")
        assert changed["content"] == "Tock" and changed["updated_at"] > message["updated_at"]
        assert (await page.wait_for("message:update"))["data"]["data"]["content"] == "Tock"
        reply = await clock.ask("create_message", channel_id=channel["id"], content="Yes", parent_id=message["id"])
        assert (await page.wait_for("message:reply"))["data"]["data"]["reply_count"] == 1
    stale = await clock.request("update_message", message_id=message["id"], etag=message["etag"], content="x")
    assert stale == {"status": 412, "error": "Message changed"}
    (shown,) = (await bob.get(f"{CHANNELS}/{channel['id']}/messages")).ok()
    assert (shown["content"], shown["reply_count"], find_author(shown)) == ("Tock", 1, ("app", "Clock"))
    assert shown["data"]["app"]["embeds"] == []
    posted = [await post_message(ada, channel, f"m{number}") for number in range(3)]
    page_1 = await clock.ask("list_messages", channel_id=channel["id"], limit=2)
    assert [entry["content"] for entry in page_1["messages"]] == ["m2", "m1"]
    assert page_1["next_cursor"] == posted[1]["id"]
    page_2 = await clock.ask("list_messages", channel_id=channel["id"], limit=2, before=page_1["next_cursor"])
    assert ([entry["content"] for entry in page_2["messages"]], page_2["next_cursor"]) == (["m0", "Tock"], None)
    thread = await clock.ask("list_messages", channel_id=channel["id"], parent_id=message["id"])
    assert [entry["id"] for entry in thread["messages"]] == [reply["id"]]
    older = await clock.ask("list_messages", channel_id=channel["id"], parent_id=message["id"], before=reply["id"])
    assert older == {"messages": [], "next_cursor": None}
    for operation, arguments, status, error in (
        ("list_messages", {"channel_id": other["id"]}, 403, "Invite the app into this channel first"),
        ("list_messages", {"channel_id": "none"}, 404, "Channel unavailable"),
        ("list_messages", {"channel_id": channel["id"], "parent_id": foreign["id"]}, 404, "Thread not found"),
        ("list_messages", {"channel_id": channel["id"], "before": foreign["id"]}, 400, "Invalid message cursor"),
        ("list_messages", {"channel_id": channel["id"], "limit": 101}, 400, "Invalid app operation arguments"),
        ("list_messages", {}, 400, "Invalid app operation arguments"),
        ("create_message", {"content": "x"}, 400, "Invalid resource ID"),
        ("create_message", {"channel_id": other["id"], "content": "x"}, 403, "Invite the app into this channel first"),
        (
            "create_message",
            {"channel_id": channel["id"], "parent_id": foreign["id"]},
            400,
            "Invalid message reference",
        ),
        ("create_message", {"channel_id": channel["id"], "extra": 1}, 400, "Invalid app operation arguments"),
        ("update_message", {"message_id": message["id"]}, 400, "If-Match is required"),
        ("update_message", {"message_id": posted[0]["id"], "etag": "1"}, 404, "App message not found"),
    ):
        assert await clock.request(operation, **arguments) == {"status": status, "error": error}, operation


@pytest.mark.parametrize("database", ["sqlite"])
async def test_messages_of_apps_are_checked(ada: Person, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel = await create_channel(ada)
    await invite(ada, channel, app)
    refused = {"status": 400, "error": "Invalid app operation arguments"}
    for fields in (
        {"content": "x" * 32_001},
        {"embeds": [{"description": "x" * 4096}, {"description": "x" * 4096}]},
        {"embeds": [{"color": -1}]},
        {"embeds": [{"url": "javascript:alert(1)"}]},
        {"embeds": [{"thumbnail": {"url": "https://u:p@example.com"}}]},
        {"embeds": [{"fields": [{"name": "", "value": "x"}]}]},
        {"actions": [{"label": "Both", "action_id": "a", "url": "https://example.com"}]},
        {"actions": [{"label": "Neither"}]},
        {"actions": [{"label": "Context", "url": "https://example.com", "context": {"a": 1}}]},
        {"actions": [{"action_id": "a"}]},
        {"actions": [{"label": "x", "action_id": str(number)} for number in range(31)]},
    ):
        assert await clock.request("create_message", channel_id=channel["id"], **fields) == refused, fields
    assert await clock.io.call("app:request", "text", to=clock._session_id, namespace=NAMESPACE) == {
        "status": 413,
        "error": "App request exceeds 16 MiB",
    }
    # Large messages arrive as well.
    context = {"text": "ä" * 300_000}
    action = {"label": "Large", "action_id": "a", "context": context}
    message = await clock.ask("create_message", channel_id=channel["id"], actions=[action])
    assert message["data"]["app"]["actions"][0]["context"] == context


async def test_scopes_and_memberships_limit_an_app(ada: Person, clock: AppServer) -> None:
    app = await install(ada, clock, granted_scopes=["channels:mentions:read"])
    channel = await create_channel(ada)
    await invite(ada, channel, app)
    refused = {"status": 403, "error": "App scope was not granted"}
    assert await clock.request("list_channels") == refused
    assert await clock.request("list_messages", channel_id=channel["id"]) == refused
    assert await clock.request("create_message", channel_id=channel["id"], content="x") == refused
    # It hears of messages that mention it, and of no others.
    await post_message(ada, channel, "Hello")
    await post_message(ada, channel, f"{mention(app)} hello")
    await clock.wait_for_event("channel.mention")
    assert [event["type"] for event in clock.events] == ["channel.mention"]
    (await ada.patch(f"{APPS}/{app['id']}", {"granted_scopes": SCOPES})).ok()
    assert len(await clock.ask("list_channels")) == 1
    message = await post_message(ada, channel, "Hello")
    await clock.wait_for_event("channel.message.created")
    # Removed from the channel, it is cut off at once.
    (await ada.delete(f"{CHANNELS}/{channel['id']}/apps/{app['id']}")).ok()
    outside = {"status": 403, "error": "Invite the app into this channel first"}
    assert await clock.request("list_messages", channel_id=channel["id"]) == outside
    assert await clock.request("create_message", channel_id=channel["id"], content="x") == outside
    assert await clock.request("verify_event", token=clock.events[-1]["event_token"]) == outside
    assert await clock.ask("list_channels") == []
    (await ada.delete(f"{CHANNELS}/{channel['id']}/messages/{message['id']}/delete")).ok()
    await invite(ada, channel, app)
    await post_message(ada, channel, "Back")
    assert (await clock.wait_for_event("channel.message.created", 2))["message"]["content"] == "Back"
    assert not [event for event in clock.events if event["type"] == "channel.message.deleted"]


async def test_who_may_invite_use_and_remove_apps(ada: Person, bob: Person, cy: Person, clock: AppServer) -> None:
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    app = await install(ada, clock, access_grants=grants)
    general, readable = await create_channel(ada), await create_channel(ada, "r", access_grants=[READ])
    group = await create_group(bob, cy)
    direct = (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    hidden = await create_channel(ada, "hidden", access_grants=[])
    form = {"app_id": app["id"]}
    for person, channel, status, detail in (
        (bob, general, 403, "Channel access denied"),
        (bob, readable, 403, "Channel access denied"),
        (cy, group, 403, "Channel access denied"),
        (bob, direct, 404, "Channel unavailable"),
        (ada, direct, 404, "Channel unavailable"),
        (bob, {"id": "none"}, 404, "Channel unavailable"),
    ):
        (await person.post(f"{CHANNELS}/{channel['id']}/apps", form)).refused(status, detail)
        (await person.delete(f"{CHANNELS}/{channel['id']}/apps/{app['id']}")).refused(status, detail)
    mine = await create_group(cy, bob, name="mine")
    (await cy.post(f"{CHANNELS}/{mine['id']}/apps", form)).refused(403, "App invocation denied")
    for person, channel in ((bob, group), (ada, mine), (ada, general), (ada, hidden)):
        (await person.post(f"{CHANNELS}/{channel['id']}/apps", form)).ok()
    (await bob.get(f"{CHANNELS}/{hidden['id']}/apps")).refused(403, "Channel access denied")
    (shown,) = (await cy.get(f"{CHANNELS}/{group['id']}/apps")).ok()
    assert shown["id"] == app["id"] and "connection_status" not in shown and "access_grants" not in shown
    # A user without access to the app cannot mention it; the others hear nothing of that.
    clock.events.clear()
    async with open_channel_page(cy) as page:
        failures: list[Any] = []
        page.socket.on("events:app", failures.append)
        message = await post_message(cy, mine, f"{mention(app)} hello")
        (posted,) = await wait_until(lambda: _list_app_messages(bob, mine))
        assert posted["reply_to_id"] == message["id"] and "App invocation denied" in posted["content"]
        # Where the app is no member, its user alone is told.
        message = await post_message(cy, direct, f"{mention(app)} hello")
        await wait_until(lambda: failures)
    assert failures == [
        {
            "app_id": app["id"],
            "app_name": "Clock",
            "channel_id": direct["id"],
            "message_id": message["id"],
            "parent_id": None,
            "reply": {"type": "error", "content": "App invocation denied"},
        }
    ]
    assert "channel.mention" not in [event["type"] for event in clock.events]


async def _list_app_messages(person: Person, channel: Any) -> list[Any]:
    messages = (await person.get(f"{CHANNELS}/{channel['id']}/messages")).ok()
    return [message for message in messages if message["app_id"]]


# -- mentions --------------------------------------------------------------------------------------------------------


async def test_a_mentioned_app_acts_for_the_user(ada: Person, bob: Person, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel = await create_channel(ada)
    await invite(ada, channel, app)
    text = f"{mention(app)} what time is it? {mention(app)}"
    message = await post_message(bob, channel, text)
    event = await clock.wait_for_event("channel.mention")
    assert event["actor"] == {"id": bob.id, "name": "Bob", "is_admin": False}
    assert (event["id"], event["channel"], event["source"]) == (message["id"], {"id": channel["id"]}, None)
    assert event["data"] == {"text": text, "message_id": message["id"], "parent_id": None}
    authorized = await clock.ask("authorize", token=event["execution_token"])
    assert authorized == {
        "authorized": True,
        "operation_id": message["id"],
        "actor": event["actor"],
        "channel_id": channel["id"],
        "type": "channel.mention",
        "data": event["data"],
    }
    await clock.ask("create_message", channel_id=channel["id"], content="Noon", reply_to_id=message["id"])
    # Once Bob loses the channel, the token is worth nothing.
    (await ada.post(f"{CHANNELS}/{channel['id']}/access/update", {"access_grants": []})).ok()
    refused = await clock.request("authorize", token=event["execution_token"])
    assert refused == {"status": 403, "error": "Channel access denied"}
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    refused = await clock.request("authorize", token=event["execution_token"])
    assert refused == {"status": 403, "error": "Actor is unavailable"}
    # Neither the app itself nor a model tells it of a mention.
    await clock.ask("create_message", channel_id=channel["id"], content=mention(app))
    await clock.wait_for_event("channel.message.created", 3)
    assert len([event for event in clock.events if event["type"] == "channel.mention"]) == 1


async def test_an_app_that_fails_says_so_in_the_channel(ada: Person, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel = await create_channel(ada)
    await invite(ada, channel, app)
    secrets: list[str] = []

    def fail(event: dict[str, Any]) -> Any:
        if event["type"] != "channel.mention":
            return {"status": 200, "data": {"received": True}}
        secrets.append(event["execution_token"])
        return {"status": 500, "error": f"```{clock.api_key} {clock.connection_token} {event['execution_token']}"}

    clock.reply = fail
    message = await post_message(ada, channel, mention(app))
    (posted,) = await wait_until(lambda: _list_app_messages(ada, channel))
    assert posted["reply_to_id"] == message["id"] and posted["parent_id"] is None
    text = posted["content"]
    assert text.startswith("App error:\n\n```text\n` ` `") and text.count("[redacted]") == 3
    assert clock.api_key not in text and clock.connection_token not in text and secrets[0] not in text
    for answer, error in (
        ({"status": 503, "error": ""}, "App is busy or shutting down. The event was not accepted."),
        ({"status": 418}, "App returned HTTP 418. Check the app server logs."),
        ({"status": "x"}, "App returned an invalid status"),
        ("text", "App returned an invalid or oversized response"),
        ({"status": 200, "data": "x" * 300_000}, "App returned an invalid or oversized response"),
        ({"status": 200, "data": {}}, "App returned an invalid delivery receipt"),
    ):
        clock.reply = lambda event, answer=answer: (
            answer if event["type"] == "channel.mention" else {"status": 200, "data": {"received": True}}
        )
        message = await post_message(ada, channel, mention(app))
        replies = await wait_until(partial(_find_replies, ada, channel, message))
        assert error in replies[0]["content"]


async def _find_replies(person: Person, channel: Any, message: Any) -> list[Any]:
    return [entry for entry in await _list_app_messages(person, channel) if entry["reply_to_id"] == message["id"]]


async def test_events_wait_for_an_app_that_is_away(
    ada: Person, clock: AppServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_events, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(message_events, "LAST_DELAY", 0.2)
    app, channel = await install(ada, clock), await create_channel(ada)
    await invite(ada, channel, app)
    key, clock.api_key = clock.api_key, "it refuses to be connected again"
    await clock.drop_connection()

    async def is_away() -> bool:
        return bool((await ada.get(f"{APPS}/{app['id']}")).ok()["connection_status"] != "connected")

    await wait_until(is_away)
    for number in range(3):
        await post_message(ada, channel, f"m{number}")
    clock.api_key = key
    await clock.wait_for_event("channel.message.created", 3)
    assert [event["message"]["content"] for event in clock.events] == ["m0", "m1", "m2"]
    # A busy app gets an event again, under the same id; one that refuses it does not.
    answers = [{"status": 503}, {"status": 200, "data": None}, {"status": 400, "error": "no"}]
    clock.reply = lambda event: answers.pop(0) if answers else {"status": 200}
    await post_message(ada, channel, "again")
    await clock.wait_for_event("channel.message.created", 5)
    await post_message(ada, channel, "refused")
    await post_message(ada, channel, "last")
    await clock.wait_for_event("channel.message.created", 7)
    again, repeated, *others = clock.events[3:]
    assert again["id"] == repeated["id"] and [event["message"]["content"] for event in others] == ["refused", "last"]


# -- buttons ---------------------------------------------------------------------------------------------------------


async def _post_buttons(clock: AppServer, channel: Any) -> Any:
    actions = [
        {"action_id": "stop", "label": "Stop", "context": {"n": 1}},
        {"label": "Docs", "url": "https://example.com"},
    ]
    return await clock.ask("create_message", channel_id=channel["id"], content="Alarm", actions=actions)


async def test_a_button_is_answered_by_its_app(ada: Person, bob: Person, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel = await create_channel(ada)
    await invite(ada, channel, app)
    message = await _post_buttons(clock, channel)
    path = f"{APPS}/{app['id']}/interactions"
    form = {"message_id": message["id"], "action_id": "stop"}
    replies: list[Any] = []
    clock.reply = lambda event: {"status": 200, "data": replies[-1] if event["type"] == "channel.action" else None}

    replies.append({"type": "ack"})
    assert (await bob.post(path, form)).ok() == {"type": "ack"}
    event = await clock.wait_for_event("channel.action")
    assert event["data"] == {
        "message_id": message["id"],
        "etag": message["etag"],
        "parent_id": None,
        "action_id": "stop",
        "context": {"n": 1},
    }
    assert event["source"] == {"id": message["id"], "updated_at": message["updated_at"]}
    assert event["actor"]["id"] == bob.id
    assert (await clock.ask("authorize", token=event["execution_token"]))["type"] == "channel.action"

    replies.append({"content": "For you", "title": "Psst"})
    private = (await bob.post(path, form)).ok()
    assert (private["visibility"], private["content"], private["title"]) == ("private", "For you", "Psst")
    assert "message" not in private
    replies.append({"visibility": "channel", "content": "For all", "reply_to_id": message["id"]})
    assert (await bob.post(path, form)).ok()["message"]["content"] == "For all"
    replies.append({"type": "download", "content": "# Report", "filename": "alarm.md"})
    assert (await bob.post(path, form)).ok()["filename"] == "alarm.md"
    replies.append({"type": "update", "content": "Stopped"})
    updated = (await bob.post(path, form)).ok()["message"]
    assert (updated["id"], updated["content"], updated["data"]["app"]["actions"]) == (message["id"], "Stopped", [])
    listed = (await bob.get(f"{CHANNELS}/{channel['id']}/messages")).ok()
    assert [entry["content"] for entry in listed] == ["For all", "Stopped"]
    (await bob.post(path, form)).refused(400, "Unknown action")


async def test_buttons_are_refused(server: Server, ada: Person, bob: Person, cy: Person, clock: AppServer) -> None:
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    app = await install(ada, clock, access_grants=grants)
    channel = await create_group(bob, cy)
    await invite(bob, channel, app)
    message = await _post_buttons(clock, channel)
    other = await post_message(bob, channel, "mine")
    path = f"{APPS}/{app['id']}/interactions"
    form = {"message_id": message["id"], "action_id": "stop"}
    (await bob.post(path, {**form, "action_id": "other"})).refused(400, "Unknown action")
    (await bob.post(path, {**form, "message_id": other["id"]})).refused(404, "App message not found")
    (await bob.post(f"{APPS}/none/interactions", form)).refused(404, "App not found")
    assert (await bob.post(path, {})).status == 422
    (await cy.post(path, form)).refused(403, "App invocation denied")
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    (await ada.patch(f"{APPS}/{app['id']}", {"access_grants": everybody})).ok()
    dan = await server.add_user(ada, "Dan")
    (await dan.post(path, form)).refused(403, "Channel access denied")
    for reply, error in (
        ({"type": "other"}, "App returned an invalid response"),
        ({"type": "ack", "content": "x"}, "App returned an invalid response"),
        ({"filename": "../x.md"}, "App returned an invalid response"),
        ("text", "App returned an invalid response"),
        ({"actions": [{"label": "x", "action_id": "x"}]}, "Buttons require a channel message"),
    ):
        clock.reply = lambda event, reply=reply: {"status": 200, "data": reply}
        (await bob.post(path, form)).refused(502, error)
    clock.reply = lambda event: {"status": 404, "error": ""}
    (await bob.post(path, form)).refused(404, "App event endpoint was not found. Check its URL in app settings.")

    async def answer_late(event: dict[str, Any]) -> Any:
        await asyncio.sleep(4)

    clock.reply = answer_late
    (await bob.post(path, form)).refused(504, "App response timed out; execution outcome may be unknown")
    (await ada.patch(f"{APPS}/{app['id']}", {"is_active": False})).ok()
    (await bob.post(path, form)).refused(403, "App is inactive")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_the_answer_of_a_changed_app_is_refused(server: Server, ada: Person, clock: AppServer) -> None:
    app = await install(ada, clock)
    channel = await create_channel(ada)
    await invite(ada, channel, app)
    message = await _post_buttons(clock, channel)
    form = {"message_id": message["id"], "action_id": "stop"}

    async def leave_channel(event: dict[str, Any]) -> Any:
        if event["type"] == "channel.action":
            (await ada.delete(f"{CHANNELS}/{channel['id']}/apps/{app['id']}")).ok()
        return {"status": 200, "data": {"visibility": "channel", "content": "late"}}

    clock.reply = leave_channel
    path = f"{APPS}/{app['id']}/interactions"
    (await ada.post(path, form)).refused(403, "Invite the app into this channel first")
    assert [entry["content"] for entry in (await ada.get(f"{CHANNELS}/{channel['id']}/messages")).ok()] == ["Alarm"]
