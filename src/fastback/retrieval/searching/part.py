"""Starts searching."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.kit.http.binding import Services
from fastback.retrieval.contracts import Embedder, Reranker, VectorStore
from fastback.retrieval.searching.reranking import ConfiguredReranker
from fastback.retrieval.searching.retriever import Retriever
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Reranker` and `Retriever`."""
    config: Config = services.get(Config)
    settings: Settings = services.get(Settings)
    reranker = ConfiguredReranker(services.get(aiohttp.ClientSession), config, settings)
    services.add(Reranker, reranker)
    services.add(Retriever, Retriever(config, services.get(Embedder), services.get(VectorStore), reranker))
