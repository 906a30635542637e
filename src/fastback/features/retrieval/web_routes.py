"""`/api/v1/retrieval/process/…`: pages and videos into collections, files from the web, web searches."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.web import WEB_SEARCH_BYPASS_EMBEDDING_AND_RETRIEVAL
from fastback.features.files.store import File
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.features.retrieval.web_files import UnreachableAddress, WebFiles
from fastback.features.retrieval.web_search import WebSearchService
from fastback.kit.http import BadRequest, Router
from fastback.providers.request_context import RequestContext, build_request_context
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, RetrievalError
from fastback.retrieval.web import youtube
from fastback.retrieval.web.pages import PageReader
from fastback.retrieval.web.search_request import SearchFailed
from fastback.retrieval.web.youtube import TranscriptError

log = logging.getLogger("fastback.web")

router = Router("/api/v1/retrieval")

JsonObject = dict[str, Any]


class AddressForm(msgspec.Struct):
    url: str
    collection_name: str | None = None


class QueriesForm(msgspec.Struct):
    queries: list[str]


def build_unreadable_error(url: str) -> BadRequest:
    return BadRequest(messages.wrap_reason(f"Could not read content from {url}"))


class WebReader(msgspec.Struct):
    """The services that load addresses for the routes."""

    pages: PageReader
    access: CollectionAccess
    indexer: Indexer
    config: Config

    async def load_documents(self, url: str, ctx: RequestContext) -> list[Document]:
        """Load the documents at an address.

        Raises:
            BadRequest: nothing can be read there.
        """
        try:
            documents = await self.pages.read_url(url, ctx)
        except TranscriptError as error:
            raise BadRequest(str(error)) from error
        except (RetrievalError, SearchFailed) as error:
            log.warning("reading %s failed: %s", url, error)
            raise build_unreadable_error(url) from error
        if not documents:
            raise build_unreadable_error(url)
        return documents

    async def index_documents(
        self, form: AddressForm, documents: Sequence[Document], user: User, ctx: RequestContext, *, overwrite: bool
    ) -> str | None:
        """Index documents in a collection, by default one named after the address. Return it, or None if embedding is
        bypassed.

        Raises:
            Forbidden: the user may not write to the collection.
            BadRequest: embedding failed.
        """
        name = form.collection_name
        if not name:
            name = await asyncio.to_thread(lambda: hashlib.sha256(form.url.encode()).hexdigest()[:63])
        else:
            await self.access.require_access([name], user, "write")
        if self.config.get_bool(WEB_SEARCH_BYPASS_EMBEDDING_AND_RETRIEVAL):
            return None
        try:
            await self.indexer.index_documents(name, documents, overwrite=overwrite, add=not overwrite, ctx=ctx)
        except RetrievalError as error:
            log.warning("embedding %s failed: %s", form.url, error)
            raise BadRequest(messages.wrap_reason("Error querying knowledge base")) from error
        return name


async def _process_address(
    form: AddressForm, user: User, ctx: RequestContext, reader: WebReader, *, process: bool, overwrite: bool
) -> JsonObject:
    documents = await reader.load_documents(form.url, ctx)
    content = " ".join(document.text for document in documents)
    if not process:
        return {"status": True, "content": content}
    name = await reader.index_documents(form, documents, user, ctx, overwrite=overwrite)
    return {
        "status": True,
        "collection_name": name,
        "filename": form.url,
        "content": content,
        "file": {"data": {"content": content}, "meta": {"name": form.url, "source": form.url}},
    }


@router.post("/process/youtube")
@router.post("/process/web")
async def process_web(
    data: AddressForm,
    request: Request,
    user: VerifiedUser,
    pages: PageReader,
    access: CollectionAccess,
    indexer: Indexer,
    config: Config,
    process: bool = True,
    overwrite: bool = True,
) -> JsonObject:
    """Read a page, a file or a video, and index it in a collection."""
    reader = WebReader(pages, access, indexer, config)
    return await _process_address(
        data, user, build_request_context(request, user), reader, process=process, overwrite=overwrite
    )


@router.post("/process/url")
async def process_url(
    data: AddressForm,
    request: Request,
    user: VerifiedUser,
    pages: PageReader,
    access: CollectionAccess,
    indexer: Indexer,
    config: Config,
    files: WebFiles,
    process: bool = True,
) -> JsonObject:
    """Read a page or a video as `process_web` does; store a file as an upload of the user."""
    ctx = build_request_context(request, user)
    saved_file = None
    if not youtube.is_video(data.url):
        try:
            saved_file = await files.fetch_file(data.url, user, ctx, process=process)
        except UnreachableAddress as error:
            log.warning("fetching failed: %s", error)
            raise build_unreadable_error(data.url) from error
    response: JsonObject = {
        "status": True,
        "type": "youtube" if youtube.is_video(data.url) else "web",
        "name": data.url,
    }
    response |= {"url": data.url, "collection_name": None, "content": None, "file": None}
    if saved_file is None:
        reader = WebReader(pages, access, indexer, config)
        processed = await _process_address(data, user, ctx, reader, process=process, overwrite=True)
        return response | {"collection_name": processed.get("collection_name"), "content": processed["content"]}
    file = saved_file["file"]
    meta = msgspec.json.decode(file.meta) if isinstance(file, File) else file["meta"]
    response |= {"type": "image" if saved_file["image"] else "file", "name": saved_file["name"], "file": file}
    return response | {"collection_name": (meta or {}).get("collection_name")}


@router.post("/process/web/search")
async def search_web(data: QueriesForm, request: Request, user: VerifiedUser, results: WebSearchService) -> JsonObject:
    return await results.search_web(data.queries, build_request_context(request, user))
