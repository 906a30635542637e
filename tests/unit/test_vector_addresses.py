"""The addresses of vector servers, derived from the settings like the official clients derive them."""

from __future__ import annotations

import aiohttp
import pytest

import vector_servers
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.vectors.chroma import ChromaStore
from fastback.retrieval.vectors.factory import create_store
from fastback.retrieval.vectors.qdrant import QdrantStore
from fastback.settings import Environment, Settings, load_settings
from vector_stores import make_item, make_vector


def _load_settings(**env: str) -> Settings:
    return load_settings(Environment({"DATA_DIR": "/nowhere", "WEBUI_SECRET_KEY": "k", **env}))


@pytest.mark.parametrize(
    ("uri", "key", "address"),
    [
        ("http://qdrant:7000", "", "http://qdrant:7000"),
        ("http://qdrant", "", "http://qdrant:6333"),
        ("https://qdrant/behind/", "k", "https://qdrant:6333/behind"),
        ("https://[::1]", "", "https://[::1]:6333"),
        ("qdrant:6333", "", "http://qdrant:6333"),
        ("qdrant", "k", "https://qdrant:6333"),
    ],
)
async def test_the_address_of_qdrant(uri: str, key: str, address: str) -> None:
    async with aiohttp.ClientSession() as client:
        store = QdrantStore(_load_settings(QDRANT_URI=uri, QDRANT_API_KEY=key), client)
        assert store.address == address


@pytest.mark.parametrize(
    ("env", "address"),
    [
        ({"CHROMA_HTTP_HOST": "chroma"}, "http://chroma:8000/api/v2"),
        (
            {"CHROMA_HTTP_HOST": "chroma", "CHROMA_HTTP_PORT": "81", "CHROMA_HTTP_SSL": "true"},
            "https://chroma:81/api/v2",
        ),
        ({"CHROMA_HTTP_HOST": "https://chroma.example.com"}, "https://chroma.example.com/api/v2"),
        ({"CHROMA_HTTP_HOST": "http://chroma:9000/"}, "http://chroma:9000/api/v2"),
        ({"CHROMA_HTTP_HOST": "http://chroma/behind/api/v2"}, "http://chroma/behind/api/v2"),
    ],
)
async def test_the_address_of_chroma(env: dict[str, str], address: str) -> None:
    async with aiohttp.ClientSession() as client:
        assert ChromaStore(_load_settings(**env), client).address == address


async def test_a_missing_database_of_chroma() -> None:
    async with (
        vector_servers.run_server(vector_servers.ChromaServer(), "FASTBACK_TEST_CHROMA") as url,
        aiohttp.ClientSession() as client,
    ):
        store = create_store("chroma", _load_settings(CHROMA_HTTP_HOST=url, CHROMA_DATABASE="none"), client)
        assert await store.list_collections() == []
        with pytest.raises(RetrievalError, match="answered 400"):
            await store.upsert("file-a", [make_item(1, "a", make_vector(1))])
