"""Build the services of the search of chats."""

from __future__ import annotations

from fastback.features.chats.search.index import SearchIndex
from fastback.features.chats.search.indexer import ChatIndexer
from fastback.features.chats.search.service import ChatSearch
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks


async def set_up(services: Services) -> None:
    """Add `ChatSearch` and `ChatIndexer`; the index is opened and filled in the background."""
    db = services.get(Database)
    index = SearchIndex(db)
    indexer = ChatIndexer(index=index, db=db, bus=services.get(Bus), cluster=services.get(Cluster))
    services.add(ChatIndexer, indexer)
    services.add(ChatSearch, ChatSearch(db, index, indexer))
    services.get(Tasks).run_in_background(indexer.run())


COMPONENT = Component(name="chat search", setup=set_up)
