"""Models that answer in channels while their process is killed: the message shows that it was interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from channel_client import CHANNELS, ChannelPage, create_channel, enable_channels, open_channel_page, post_message
from conftest import REDIS, Person
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from faults.node_processes import run_nodes
from faults.server_process import prepare_server
from prepared_database import POSTGRES
from waiting import wait_until

pytestmark = pytest.mark.timeout(180)

MODEL = "<@M:demo-small|Small>"
#: Seconds within which the message shows the end.
END_SECONDS = 15
END = f"\n\nError: {INTERRUPTED['content']}"


async def wait_for_text(page: ChannelPage, word: str) -> Any:
    """Return the message of an answer once its text contains a word."""
    update = await page.wait_for("message:update", lambda event: word in event["data"]["data"]["content"])
    return update["data"]["data"]


async def read_message(person: Person, message: Any) -> Any:
    return (await person.get(f"{CHANNELS}/{message['channel_id']}/messages/{message['id']}")).ok()


async def wait_for_end(person: Person, message: Any) -> Any:
    async def find_ended() -> Any:
        stored = await read_message(person, message)
        return stored if stored["meta"].get("done") else None

    return await wait_until(find_ended, END_SECONDS)


@asynccontextmanager
async def open_page_of(person: Person) -> AsyncIterator[ChannelPage]:
    """Open a page whose server may end before it."""
    context = open_channel_page(person)
    page = await context.__aenter__()
    try:
        yield page
    finally:
        if page.socket.connected:
            await context.__aexit__(None, None, None)


async def test_a_killed_process(database: str, tmp_path: Path, env: dict[str, str]) -> None:
    async with prepare_server(database, tmp_path, env) as server:
        await server.start()
        ada = await server.sign_up()
        await enable_channels(ada)
        channel = await create_channel(ada)
        async with open_page_of(ada) as page:
            await post_message(ada, channel, f"{MODEL} Count [[tokens 2000]]")
            shown = await wait_for_text(page, "word9")
            await post_message(ada, channel, f"{MODEL} [[silent 30]]")
            silent = (await page.wait_for("message", lambda event: _is_placeholder(event, shown)))["data"]["data"]
            await server.kill()
        await server.start()
        message = await wait_for_end(ada, shown)
        assert message["content"].startswith(shown["content"]) and message["content"].endswith(END)
        data = (await ada.get(f"{CHANNELS}/{channel['id']}/messages/{shown['id']}/data")).ok()
        assert [item["status"] for item in data["output"]] == ["incomplete"]
        assert (await wait_for_end(ada, silent))["content"] == END.strip()

        # The next start finds nothing to end, and neither does a model that answers now.
        async with open_page_of(ada) as page:
            await post_message(ada, channel, f"{MODEL} Count [[tokens 5]]")
            again = await wait_for_text(page, "word4")
            await wait_for_end(ada, again)
        await server.kill()
        await server.start()
        await asyncio.sleep(1)
        assert (await read_message(ada, shown))["content"] == message["content"]
        assert "Error" not in (await read_message(ada, again))["content"]


def _is_placeholder(event: Any, other: Any) -> bool:
    message = event["data"]["data"]
    return bool(message["meta"] and message["meta"].get("model_id") and message["id"] != other["id"])


@pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named")
async def test_the_other_node_ends_the_answers_of_a_killed_one(tmp_path: Path, env: dict[str, str]) -> None:
    async with run_nodes(tmp_path, env) as nodes:
        here, there = await nodes.sign_up()
        await enable_channels(here)
        channel = await create_channel(here)
        await asyncio.sleep(0.5)
        async with open_channel_page(there) as page:
            await post_message(there, channel, f"{MODEL} Count [[tokens 200]]")
            living = await wait_for_text(page, "word2")
            await post_message(here, channel, f"{MODEL} Count [[tokens 2000]]")
            shown = (
                await page.wait_for(
                    "message:update",
                    lambda event: event["message_id"] != living["id"] and "word9" in event["data"]["data"]["content"],
                )
            )["data"]["data"]
            await nodes.servers[0].kill()
            ended = await page.wait_for("message:update", lambda event: _is_end(event, shown), END_SECONDS)
        assert ended["data"]["data"]["content"].startswith(shown["content"])
        message = await wait_for_end(there, living)
        assert message["content"] == " ".join(f"word{number}" for number in range(200))


def _is_end(event: Any, message: Any) -> bool:
    return bool(event["message_id"] == message["id"] and event["data"]["data"]["content"].endswith(END))
