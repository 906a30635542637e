"""Move documents from the reference to Fastback and back, twice: nothing comes back, and nothing is missing.

Needs the reference with chromadb, see `test_reference`; takes two minutes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from both_ways.test_reference import SharedInstallation, pytestmark  # noqa: F401 (the marks of this module)
from fastback.cli import main
from parity.player import Player

KNOWLEDGE = "/api/v1/knowledge"
WORDS = ("heron", "kestrel", "puffin", "gannet", "bittern", "curlew")


async def request(player: Player, method: str, path: str, body: Any = None) -> Any:
    """Send a request as Ada, and return the decoded response."""
    headers = {"Authorization": f"Bearer {player.values['ada.token']}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(
            method, f"{player.url}{path}", **({"data": body} if isinstance(body, aiohttp.FormData) else {"json": body})
        ) as response,
    ):
        assert response.status == 200, f"{path}: {response.status} {await response.text()}"
        return await response.json()


async def add_file(player: Player, knowledge_id: str, word: str) -> str:
    """Upload a file that consists of a word, and add it to the knowledge."""
    form = aiohttp.FormData()
    form.add_field("file", f"The {word} is a bird. ".encode() * 3, filename=f"{word}.txt", content_type="text/plain")
    file_id: str = (await request(player, "POST", "/api/v1/files/?process_in_background=false", form))["id"]
    await request(player, "POST", f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": file_id})
    return file_id


async def list_words(player: Player, collection: str) -> list[str]:
    """Return the words that the knowledge answers with."""
    body = {"collection_names": [collection], "query": "The bird", "k": 50}
    answer = await request(player, "POST", "/api/v1/retrieval/query/collection", body)
    texts = " ".join(answer["documents"][0]) if answer["documents"] else ""
    return [word for word in WORDS if word in texts]


async def wait_for_words(player: Player, collection: str, words: list[str]) -> None:
    for _ in range(100):
        if await list_words(player, collection) == words:
            return
        await asyncio.sleep(0.1)
    assert await list_words(player, collection) == words


async def test_knowledge_survives_four_swaps(upstream: str, tmp_path: Path) -> None:
    installation = SharedInstallation(tmp_path, upstream, "")
    export = ["vectors", "export", "--data-dir", str(tmp_path)]
    async with installation.run_program("reference", cast=True) as player:
        k = (await request(player, "POST", f"{KNOWLEDGE}/create", {"name": "Birds", "description": "All"}))["id"]
        ids = {word: await add_file(player, k, word) for word in WORDS[:3]}
        await wait_for_words(player, k, ["heron", "kestrel", "puffin"])
    async with installation.run_program("fastback") as player:
        await wait_for_words(player, k, ["heron", "kestrel", "puffin"])
        await request(player, "POST", f"{KNOWLEDGE}/{k}/file/remove", {"file_id": ids["heron"]})
        ids["gannet"] = await add_file(player, k, "gannet")
    assert await asyncio.to_thread(main, export) == 0
    async with installation.run_program("reference") as player:
        await wait_for_words(player, k, ["kestrel", "puffin", "gannet"])
        assert await list_words(player, f"file-{ids['gannet']}") == ["gannet"]
        await request(player, "POST", f"{KNOWLEDGE}/{k}/file/remove", {"file_id": ids["kestrel"]})
        await request(player, "POST", f"{KNOWLEDGE}/{k}/file/remove", {"file_id": ids["gannet"]})
        ids["bittern"] = await add_file(player, k, "bittern")
    async with installation.run_program("fastback") as player:
        await wait_for_words(player, k, ["puffin", "bittern"])
        await request(player, "POST", f"{KNOWLEDGE}/{k}/file/remove", {"file_id": ids["puffin"]})
        ids["curlew"] = await add_file(player, k, "curlew")
    # This time without the export, and with a change in the reference.
    async with installation.run_program("reference") as player:
        ids["gannet"] = await add_file(player, k, "gannet")
    async with installation.run_program("fastback") as player:
        await wait_for_words(player, k, ["gannet", "bittern", "curlew"])
    assert await asyncio.to_thread(main, export) == 0
    async with installation.run_program("reference") as player:
        await wait_for_words(player, k, ["gannet", "bittern", "curlew"])
