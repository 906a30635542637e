"""An app that one program has connected is connected by the other, which accepts its tokens and speaks as the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app_server import AppServer, run_app_server
from both_ways.installation import REFERENCE, SharedInstallation
from channel_client import CHANNELS, READ, WRITE
from conftest import Person
from parity.player import Player
from waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE is not set"),
]

APPS = "/api/v1/apps"


#: Fields that are the same at both programs.
_EQUAL = ("status", "error", "type", "role", "content", "visibility", "is_admin", "is_private")


def describe_shape(value: Any) -> Any:
    """Return a value with the types of its texts and numbers in their place."""
    if isinstance(value, dict):
        return {name: item if name in _EQUAL else describe_shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [describe_shape(item) for item in value]
    return type(value).__name__


def find_person(player: Player, name: str) -> Person:
    return Person(player.url, player.values[f"{name}.token"], {"id": player.values[f"{name}.id"]})


class Story:
    """What the app and its users do at each of the programs, and what was seen there."""

    def __init__(self, clock: AppServer) -> None:
        self._clock = clock
        self.app: Any = None
        self.channel: Any = None
        #: The tokens of events at the first program.
        self.tokens: dict[str, str] = {}

    async def install(self, ada: Person) -> None:
        self.app = (await ada.post(APPS, self._clock.build_form())).ok()
        self.app = (await ada.post(f"{APPS}/{self.app['id']}/connect", {})).ok()
        form = {"name": "general", "access_grants": [READ, WRITE]}
        self.channel = (await ada.post(f"{CHANNELS}/create", form)).ok()
        (await ada.post(f"{CHANNELS}/{self.channel['id']}/apps", {"app_id": self.app["id"]})).ok()

    async def play(self, ada: Person, bob: Person) -> dict[str, Any]:
        """Mention the app, let it answer, press its button, and ask whatever apps ask; return what was seen."""
        clock, channel_id = self._clock, self.channel["id"]
        clock.events.clear()
        path = f"{CHANNELS}/{channel_id}/messages"
        text = f"<@A:{self.app['id']}|Clock> hello"
        message = (await bob.post(f"{path}/post", {"content": text, "data": {"files": []}})).ok()
        mention = await clock.wait_for_event("channel.mention")
        created = await clock.wait_for_event("channel.message.created")
        self.tokens |= {"execution": mention["execution_token"], "event": created["event_token"]}
        seen: dict[str, Any] = {"mention": mention, "created": created}
        for operation, arguments in (
            ("get_me", {}),
            ("list_channels", {}),
            ("authorize", {"token": mention["execution_token"]}),
            ("verify_event", {"token": created["event_token"]}),
            ("authorize", {"token": "x.y"}),
            ("list_messages", {"channel_id": channel_id, "limit": 1}),
            ("list_messages", {"channel_id": "none"}),
            ("list_messages", {"channel_id": channel_id, "limit": 0}),
            ("create_message", {"content": "x"}),
            ("update_message", {"message_id": message["id"], "etag": "1"}),
            ("none", {}),
        ):
            seen[f"{operation} {sorted(arguments)}"] = await clock.request(operation, **arguments)
        actions = [{"action_id": "stop", "label": "Stop", "context": {"n": 1}}]
        embeds = [{"title": "Now", "fields": [{"name": "a", "value": "b"}]}]
        posted = await clock.ask(
            "create_message", channel_id=channel_id, content="Noon", actions=actions, embeds=embeds
        )
        seen["posted"] = posted
        clock.reply = lambda event: {"status": 200, "data": {"type": "update", "content": "Stopped"}}
        form = {"message_id": posted["id"], "action_id": "stop"}
        seen["pressed"] = (await bob.post(f"{APPS}/{self.app['id']}/interactions", form)).ok()
        seen["action"] = await clock.wait_for_event("channel.action")
        clock.reply = lambda event: {"status": 500, "error": "broken"}
        failed = (await bob.post(f"{path}/post", {"content": text})).ok()

        async def find_error() -> Any:
            messages = (await bob.get(path)).ok()
            return [entry for entry in messages if entry["app_id"] and entry["reply_to_id"] == failed["id"]]

        seen["error"] = (await wait_until(find_error, 15))[0]
        clock.reply = lambda event: {"status": 200, "data": {"received": True}}
        (await bob.delete(f"{path}/{message['id']}/delete")).ok()
        seen["deleted"] = await clock.wait_for_event("channel.message.deleted")
        return seen

    async def wait_for_connection(self, ada: Person) -> None:
        async def is_connected() -> bool:
            app = (await ada.get(f"{APPS}/{self.app['id']}")).ok()
            return bool(app["connection_status"] == "connected")

        await wait_until(is_connected, 40)


@pytest.mark.parametrize("first", ["fastback", "reference"])
async def test_apps_move_between_the_programs(first: str, upstream: str, tmp_path: Path) -> None:
    second = "reference" if first == "fastback" else "fastback"
    seen: dict[str, Any] = {}
    async with run_app_server() as clock:
        more = {"ENABLE_APPS": "true", "ENABLE_CHANNELS": "true", "APP_ALLOWED_PRIVATE_ORIGINS": clock.origin}
        installation, story = SharedInstallation(tmp_path, upstream, "", more), Story(clock)
        for number, program in enumerate((first, second)):
            async with installation.run_program(program, cast=number == 0) as player:
                ada, bob = find_person(player, "ada"), find_person(player, "bob")
                try:
                    if number == 0:
                        await story.install(ada)
                    else:
                        await story.wait_for_connection(ada)
                        assert clock.connections[-1]["connection_token"] == clock.connection_token
                        authorized = await clock.ask("authorize", token=story.tokens["execution"])
                        assert authorized["actor"] == {"id": bob.id, "name": "Bob", "is_admin": False}
                        verified = await clock.ask("verify_event", token=story.tokens["event"])
                        assert verified["type"] == "channel.message.created"
                    seen[program] = await story.play(ada, bob)
                finally:
                    await ada.close()
                    await bob.close()
    for name, value in seen["reference"].items():
        assert describe_shape(seen["fastback"][name]) == describe_shape(value), name
