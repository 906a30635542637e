"""Build the embedder and the vector store; their processes and files start at their first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp

from fastback.config import Config
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.cache import EmbeddingCache
from fastback.retrieval.embedding.local import LocalModels
from fastback.retrieval.embedding.service import ConfiguredEmbedder
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Embedder, Splitter, VectorStore
from fastback.retrieval.vectors import factory
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Embedder`, `VectorStore` and `Indexer`."""
    settings = services.get(Settings)
    tasks = services.get(Tasks)
    client = services.get(aiohttp.ClientSession)
    embedder = create_embedder(services.get(Config), settings, client)
    store = factory.create_store(factory.get_kind(settings), settings, client)
    services.add(Embedder, embedder)
    services.add(VectorStore, store)
    services.add(Indexer, Indexer(services.get(Splitter), embedder, store))
    tasks.run_at_shutdown(store.close)
    tasks.run_at_shutdown(embedder.close)


def create_embedder(config: Config, settings: Settings, client: aiohttp.ClientSession) -> ConfiguredEmbedder:
    """Build the embedder of the settings."""
    local = LocalModels(
        build_model_finder(settings), cache=_get_cache_directory(settings), offline=settings.offline_mode
    )
    cache = EmbeddingCache(factory.get_directory(settings), settings.fastback_embedding_cache_mb << 20)
    return ConfiguredEmbedder(config=config, settings=settings, client=client, local=local, cache=cache)


def build_model_finder(settings: Settings) -> Callable[[str], Path | None]:
    """Return a function that finds a model on this machine: in the directories of the settings, then in the user's."""
    hub_directories = [settings.cache_path / "embedding" / "models"]  # the directory in Open WebUI's container
    if settings.sentence_transformers_home:
        hub_directories.insert(0, Path(settings.sentence_transformers_home).expanduser())
    return partial(models.find_model, hubs=hub_directories, cache=_get_cache_directory(settings))


def _get_cache_directory(settings: Settings) -> Path | None:
    return Path(settings.fastback_cache_dir).expanduser() if settings.fastback_cache_dir else None


COMPONENT = Component(name="retrieval", setup=set_up)
