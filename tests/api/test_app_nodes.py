"""Apps with two server processes: each keeps a connection of its own, and an app hears of everything once."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from app_server import run_app_server
from channel_client import CHANNELS, create_channel, post_message
from conftest import PASSWORD, REDIS, Person
from faults.server_process import ServerProcess
from prepared_database import copy_sqlite
from redis_server import delete_keys
from waiting import wait_until

pytestmark = pytest.mark.skipif(not REDIS, reason="FASTBACK_TEST_REDIS names no server")

APPS = "/api/v1/apps"


async def test_two_processes_share_an_app(tmp_path: Path) -> None:
    await copy_sqlite(tmp_path / "webui.db")
    prefix = f"test-{uuid.uuid4().hex}"
    async with run_app_server() as clock:
        env = {
            "DATABASE_URL": "",
            "REDIS_URL": REDIS,
            "REDIS_KEY_PREFIX": prefix,
            "ENABLE_OPENAI_API": "false",
            "ENABLE_APPS": "true",
            "ENABLE_CHANNELS": "true",
            "APP_ALLOWED_PRIVATE_ORIGINS": clock.origin,
        }
        nodes = [ServerProcess(tmp_path, env), ServerProcess(tmp_path, env)]
        people: list[Person] = []
        try:
            for node in nodes:
                await node.start()
            body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
            people.append(Person(nodes[0].url))
            account = (await people[0].post("/api/v1/auths/signup", body)).ok()
            first, second = (Person(node.url, account["token"], account) for node in nodes)
            people += [first, second]
            app = (await first.post(APPS, clock.build_form())).ok()
            (await first.post(f"{APPS}/{app['id']}/connect", {})).ok()
            # The other process hears of it, and connects with the token of the app.
            await wait_until(lambda: len(clock.connections) == 2, 10)
            assert [entry["connection_token"] for entry in clock.connections] == [None, clock.connection_token]
            assert (await second.get(f"{APPS}/{app['id']}")).ok()["connection_status"] == "connected"
            channel = await create_channel(first)
            (await second.post(f"{CHANNELS}/{channel['id']}/apps", {"app_id": app["id"]})).ok()
            for number, person in enumerate((first, second, first)):
                await post_message(person, channel, f"<@A:{app['id']}|Clock> {number}")
            await clock.wait_for_event("channel.mention", 3)
            await clock.wait_for_event("channel.message.created", 3)
            texts = [event["message"]["content"] for event in clock.events if "message" in event]
            assert sorted(texts) == sorted(f"<@A:{app['id']}|Clock> {number}" for number in range(3))
            (await first.patch(f"{APPS}/{app['id']}", {"is_active": False})).ok()

            async def is_disconnected() -> bool:
                return bool((await second.get(f"{APPS}/{app['id']}")).ok()["connection_status"] == "disconnected")

            await wait_until(is_disconnected, 10)
            await wait_until(lambda: not list(clock.io.manager.get_participants("/apps", None)), 10)
        finally:
            for person in people:
                await person.close()
            for node in nodes:
                await node.close()
            await delete_keys(REDIS, prefix)
