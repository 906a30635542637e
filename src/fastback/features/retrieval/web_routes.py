"""`/api/v1/retrieval/process/…`: pages and videos into collections, files from the web, searching the web."""

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
from fastback.features.retrieval.web_files import Unreachable, WebFiles
from fastback.features.retrieval.web_search import WebResults
from fastback.kit.http import BadRequest, Router
from fastback.providers.request_context import RequestContext, build_request_context
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, RetrievalError
from fastback.retrieval.web import youtube
from fastback.retrieval.web.pages import Pages
from fastback.retrieval.web.search_request import SearchFailed
from fastback.retrieval.web.youtube import TranscriptError

log = logging.getLogger("fastback.web")

router = Router("/api/v1/retrieval")

Answer = dict[str, Any]


class AddressForm(msgspec.Struct):
    url: str
    collection_name: str | None = None


class QueriesForm(msgspec.Struct):
    queries: list[str]


def unread(url: str) -> BadRequest:
    return BadRequest(messages.wrap_reason(f"Could not read content from {url}"))


class Reading(msgspec.Struct):
    """What reads addresses for the routes."""

    pages: Pages
    access: CollectionAccess
    indexer: Indexer
    config: Config

    async def documents(self, url: str, ctx: RequestContext) -> list[Document]:
        """What lies at an address. Raises: BadRequest, where nothing can be read there."""
        try:
            found = await self.pages.read(url, ctx)
        except TranscriptError as error:
            raise BadRequest(str(error)) from error
        except (RetrievalError, SearchFailed) as error:
            log.warning("%s cannot be read: %s", url, error)
            raise unread(url) from error
        if not found:
            raise unread(url)
        return found

    async def into_collection(
        self, form: AddressForm, documents: Sequence[Document], user: User, ctx: RequestContext, *, overwrite: bool
    ) -> str | None:
        """The collection that the documents lie in now, by default one named after the address; None: not embedded.

        Raises:
            Forbidden: it is not the user's to write into. BadRequest: they cannot be embedded.
        """
        name = form.collection_name
        if not name:
            name = await asyncio.to_thread(lambda: hashlib.sha256(form.url.encode()).hexdigest()[:63])
        else:
            await self.access.check([name], user, "write")
        if self.config.flag(WEB_SEARCH_BYPASS_EMBEDDING_AND_RETRIEVAL):
            return None
        try:
            await self.indexer.index(name, documents, overwrite=overwrite, add=not overwrite, ctx=ctx)
        except RetrievalError as error:
            log.warning("%s cannot be embedded: %s", form.url, error)
            raise BadRequest(messages.wrap_reason("Error querying knowledge base")) from error
        return name


async def _processed(
    form: AddressForm, user: User, ctx: RequestContext, reading: Reading, *, process: bool, overwrite: bool
) -> Answer:
    documents = await reading.documents(form.url, ctx)
    content = " ".join(one.text for one in documents)
    if not process:
        return {"status": True, "content": content}
    name = await reading.into_collection(form, documents, user, ctx, overwrite=overwrite)
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
    pages: Pages,
    access: CollectionAccess,
    indexer: Indexer,
    config: Config,
    process: bool = True,
    overwrite: bool = True,
) -> Answer:
    """Read a page, a file or a video, and put it into a collection."""
    reading = Reading(pages, access, indexer, config)
    return await _processed(
        data, user, build_request_context(request, user), reading, process=process, overwrite=overwrite
    )


@router.post("/process/url")
async def process_url(
    data: AddressForm,
    request: Request,
    user: VerifiedUser,
    pages: Pages,
    access: CollectionAccess,
    indexer: Indexer,
    config: Config,
    files: WebFiles,
    process: bool = True,
) -> Answer:
    """Read a page or a video as `process_web` does; a file is kept as an upload of the user's."""
    ctx = build_request_context(request, user)
    kept = None
    if not youtube.is_video(data.url):
        try:
            kept = await files.keep(data.url, user, ctx, process=process)
        except Unreachable as error:
            log.warning("nothing can be fetched: %s", error)
            raise unread(data.url) from error
    answer: Answer = {"status": True, "type": "youtube" if youtube.is_video(data.url) else "web", "name": data.url}
    answer |= {"url": data.url, "collection_name": None, "content": None, "file": None}
    if kept is None:
        reading = Reading(pages, access, indexer, config)
        found = await _processed(data, user, ctx, reading, process=process, overwrite=True)
        return answer | {"collection_name": found.get("collection_name"), "content": found["content"]}
    file = kept["file"]
    meta = msgspec.json.decode(file.meta) if isinstance(file, File) else file["meta"]
    answer |= {"type": "image" if kept["image"] else "file", "name": kept["name"], "file": file}
    return answer | {"collection_name": (meta or {}).get("collection_name")}


@router.post("/process/web/search")
async def search_web(data: QueriesForm, request: Request, user: VerifiedUser, results: WebResults) -> Answer:
    return await results.gather(data.queries, build_request_context(request, user))
