"""Build the services of search."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.retrieval.interfaces import Embedder, Reranker, VectorStore
from fastback.retrieval.reranking.local import LocalReranker
from fastback.retrieval.reranking.service import ConfiguredReranker
from fastback.retrieval.search.retriever import Retriever
from fastback.retrieval.setup import build_model_finder
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Reranker` and `Retriever`."""
    config = services.get(Config)
    settings = services.get(Settings)
    tasks = services.get(Tasks)
    sigmoid = settings.sentence_transformers_cross_encoder_sigmoid_activation_function
    local = LocalReranker(build_model_finder(settings), sigmoid=sigmoid)
    reranker = ConfiguredReranker(
        client=services.get(aiohttp.ClientSession), config=config, settings=settings, local=local
    )
    tasks.run_at_shutdown(reranker.close)
    services.add(Reranker, reranker)
    services.add(
        Retriever,
        Retriever(config=config, embedder=services.get(Embedder), store=services.get(VectorStore), reranker=reranker),
    )


COMPONENT = Component(name="search of collections", setup=set_up)
