"""Starts the chat turns: what they work with, and what a killed process left behind."""

from __future__ import annotations

import aiohttp

from fastback.access.events import UserDeleted
from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.completions.compaction import Compactor
from fastback.completions.context import Context
from fastback.completions.doors import routes
from fastback.completions.image_inlining import Pictures
from fastback.completions.image_storage import KeptPictures
from fastback.completions.service import Completions
from fastback.completions.sources.access import Reader
from fastback.completions.sources.external import Elsewhere
from fastback.completions.sources.resolver import Finder
from fastback.completions.tasks.follow_ups import FollowUps
from fastback.completions.tasks.memory_review import MemoryReview
from fastback.completions.turn import TurnServices
from fastback.completions.web_search import WebStage
from fastback.config import Config
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.messages import recovery
from fastback.features.chats.messages.context_usage import ContextUsage
from fastback.features.chats.turn_events import ChatWatchers
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.features.folders.readable_entries import ReadableEntries
from fastback.features.knowledge.external_connections import ExternalConnections
from fastback.features.memories.recall import MemoryRecall
from fastback.features.memories.service import MemoryService
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.features.retrieval.web_search import WebSearchService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.storage import Storage
from fastback.kit.tasks import Tasks
from fastback.providers.client import Provider
from fastback.providers.registry import ModelRegistry
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.search.retriever import Retriever
from fastback.retrieval.web.pages import PageReader
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Completions`, `Provider` and `FollowUps`."""
    db = services.get(Database)
    config = services.get(Config)
    settings = services.get(Settings)
    registry = services.get(ModelRegistry)
    bus = services.get(Bus)
    provider = Provider(
        client=services.get(aiohttp.ClientSession), settings=settings, permissions=services.get(Permissions), bus=bus
    )
    follow_ups = FollowUps(db=db, config=config, registry=registry, provider=provider)
    rights = services.get(ChatAccess)
    elsewhere = Elsewhere(services.get(PageReader), services.get(ExternalSearch), services.get(ExternalConnections))
    finder = Finder(
        db=db,
        config=config,
        reader=_reader(services),
        elsewhere=elsewhere,
        retriever=services.get(Retriever),
        follow_ups=follow_ups,
    )
    web = WebStage(config, services.get(WebSearchService), follow_ups)
    recall = MemoryRecall(config, services.get(MemoryService))
    compactor = Compactor(
        db=db, config=config, registry=registry, provider=provider, context=services.get(ContextUsage)
    )
    watchers = services.get(ChatWatchers)
    turn_services = TurnServices(
        db,
        bus,
        services.get(Tasks),
        Context(
            db=db,
            config=config,
            registry=registry,
            chats=rights,
            compactor=compactor,
            finder=finder,
            web=web,
            recall=recall,
            pictures=_pictures(services),
            settings=settings,
        ),
        provider,
        follow_ups,
        watchers,
        MemoryReview(config, provider, services.get(MemoryService)),
        _kept_pictures(services),
        settings.chat_response_stream_delta_chunk_size,
    )
    services.add(Provider, provider)
    services.add(FollowUps, follow_ups)
    services.add(Compactor, compactor)
    alone = settings.websocket_manager != "redis"
    permissions = services.get(Permissions)
    completions = Completions(
        services=turn_services,
        registry=registry,
        permissions=permissions,
        rights=rights,
        files=services.get(FileAccess),
        alone=alone,
    )
    bus.subscribe(UserDeleted, lambda event: completions.end_of(event.user_id))
    services.add(Completions, completions)
    if alone:  # else other processes may be in the middle of an answer
        tasks = services.get(Tasks)
        tasks.run_in_background(recovery.recover_unfinished_answers(db, tasks))


def _kept_pictures(services: Services) -> KeptPictures | None:
    settings = services.get(Settings)
    if not settings.enable_chat_response_base64_image_url_conversion:
        return None
    return KeptPictures(services.get(Database), services.get(UploadService), services.get(FileAccess))


def _pictures(services: Services) -> Pictures:
    settings = services.get(Settings)
    pages = services.get(PageReader)
    return Pictures(
        db=services.get(Database),
        storage=services.get(Storage),
        access=services.get(FileAccess),
        fetching=pages.fetcher,
        guess=settings.enable_image_content_type_extension_fallback,
    )


def _reader(services: Services) -> Reader:
    db = services.get(Database)
    files = services.get(FileAccess)
    return Reader(
        db=db,
        grants=services.get(Grants),
        chats=services.get(ChatAccess),
        files=files,
        folders=ReadableEntries(db, services.get(Permissions), files),
        collections=services.get(CollectionAccess),
        settings=services.get(Settings),
    )


COMPONENT = Component(name="completions", routers=routes.routers, setup=set_up)
