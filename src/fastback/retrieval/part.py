"""Starts retrieval: the embedder and the vector store; their processes and files begin when they are first needed."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from fastback.config import Config
from fastback.kit.http.binding import Services
from fastback.kit.tasks import Tasks
from fastback.retrieval.contracts import Embedder, Splitter, VectorStore
from fastback.retrieval.embedding.cache import EmbeddingCache
from fastback.retrieval.embedding.local import Local
from fastback.retrieval.embedding.service import Embeddings
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Embedder`, `VectorStore` and `Indexer`."""
    settings: Settings = services.get(Settings)
    tasks: Tasks = services.get(Tasks)
    directory = settings.data_path / "vector_db"
    hubs = [settings.cache_path / "embedding" / "models"]  # where Open WebUI's container keeps them
    if settings.sentence_transformers_home:
        hubs.insert(0, Path(settings.sentence_transformers_home).expanduser())
    fetched = Path(settings.fastback_cache_dir).expanduser() if settings.fastback_cache_dir else None
    local = Local(hubs, cache=fetched, offline=settings.offline_mode)
    cache = EmbeddingCache(directory, settings.fastback_embedding_cache_mb << 20)
    embedder = Embeddings(services.get(Config), settings, services.get(aiohttp.ClientSession), local, cache)
    store = SqliteStore(directory, longest=settings.rag_metadata_max_value_chars)
    services.add(Embedder, embedder)
    services.add(VectorStore, store)
    services.add(Indexer, Indexer(services.get(Splitter), embedder, store))
    tasks.at_end(store.close)
    tasks.at_end(embedder.close)
