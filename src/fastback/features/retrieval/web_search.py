"""Web searches: pages are found, loaded, and indexed in a collection of the user."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.web import (
    WEB_SEARCH_BYPASS_EMBEDDING_AND_RETRIEVAL,
    WEB_SEARCH_BYPASS_WEB_LOADER,
    WEB_SEARCH_ENABLE,
)
from fastback.kit.http.errors import BadRequest, Forbidden, HttpError, NotFound
from fastback.providers.request_context import RequestContext
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, RetrievalError
from fastback.retrieval.web.pages import PageReader
from fastback.retrieval.web.results import SearchResult
from fastback.retrieval.web.search import WebSearch
from fastback.retrieval.web.search_request import SearchFailed

log = logging.getLogger("fastback.web")

_NOT_LOADED = "None of the web search results could be loaded"
_NOT_STORED = (
    "Failed to embed and store the retrieved web pages. Check the embedding configuration in Admin Settings > "
    "Documents."
)


class WebSearchService:
    """Searches the web for users with the permission."""

    def __init__(
        self, *, config: Config, permissions: Permissions, search: WebSearch, pages: PageReader, indexer: Indexer
    ) -> None:
        self._config = config
        self._permissions = permissions
        self._search = search
        self._pages = pages
        self._indexer = indexer

    async def may_search(self, user: User) -> bool:
        """Return whether web search is enabled, and this user may use it."""
        if not self._config.get_bool(WEB_SEARCH_ENABLE):
            return False
        return user.is_admin or await self._permissions.has(user.id, "features.web_search")

    async def search_web(self, queries: Sequence[str], ctx: RequestContext) -> dict[str, Any]:
        """Search the web. Return `items`, `filenames` (addresses), and `collection_names` with the indexed passages, or
        the full `docs` if embedding is bypassed.

        Raises:
            Forbidden: the user may not search the web.
            NotFound: nothing was found, or no page could be loaded.
            BadRequest: the search or the loading failed.
            HttpError: 500 if embedding failed.
        """
        user = ctx.requester
        if not await self.may_search(user):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        try:
            results = await self._search.search(queries, ctx)
        except SearchFailed as error:
            log.warning("the web search failed: %s", error)
            raise BadRequest(messages.wrap_reason(messages.WEB_SEARCH_ERROR)) from error
        if not results:
            raise NotFound(messages.wrap_reason("No results found from web search"))
        documents = await self._load_pages(results, ctx)
        if not documents:
            raise NotFound(messages.wrap_reason(_NOT_LOADED))
        # A document of several pages has one address.
        urls = list(dict.fromkeys(source for document in documents if (source := document.metadata.get("source"))))
        loaded = set(urls)
        response: dict[str, Any] = {
            "status": True,
            "items": [msgspec.structs.asdict(document) for document in results if document.link in loaded],
            "filenames": urls,
            "loaded_count": len(documents),
        }
        if self._config.get_bool(WEB_SEARCH_BYPASS_EMBEDDING_AND_RETRIEVAL):
            docs = [{"content": document.text, "metadata": document.metadata} for document in documents]
            return {
                "status": True,
                "collection_name": None,
                "filenames": urls,
                "items": response["items"],
                "docs": docs,
                "loaded_count": len(documents),
            }
        if not any(document.text.strip() for document in documents):
            raise NotFound(messages.wrap_reason(_NOT_LOADED))
        name = await self._index_documents(documents, queries, ctx)
        return {"status": True, "collection_names": [name], **response}

    async def _load_pages(self, results: Sequence[SearchResult], ctx: RequestContext) -> list[Document]:
        """Return the texts of the pages, or the snippets of the results if pages are not loaded.

        Raises:
            BadRequest: loading failed.
        """
        if self._config.get_bool(WEB_SEARCH_BYPASS_WEB_LOADER):
            return [
                Document(
                    result.snippet,
                    {"source": result.link, "title": result.title, "snippet": result.snippet, "link": result.link},
                )
                for result in results
                if result.snippet is not None
            ]
        try:
            return await self._pages.load_pages(list(dict.fromkeys(result.link for result in results)), ctx)
        except (SearchFailed, RetrievalError) as error:
            log.warning("loading the found pages failed: %s", error)
            raise BadRequest(messages.wrap_reason(messages.WEB_SEARCH_ERROR)) from error

    async def _index_documents(self, documents: list[Document], queries: Sequence[str], ctx: RequestContext) -> str:
        """Index the documents in a collection of the user. Return its name.

        Raises:
            HttpError: embedding failed.
        """
        joined_queries = "-".join(queries)
        digest = await asyncio.to_thread(lambda: hashlib.sha256(joined_queries.encode()).hexdigest())
        name = f"web-search-{ctx.requester.id}-{digest}"[:63]
        try:
            await self._indexer.index_documents(name, documents, overwrite=True, ctx=ctx)
        except RetrievalError as error:
            log.warning("embedding the found pages failed: %s", error)
            raise HttpError(500, _NOT_STORED) from error
        return name
