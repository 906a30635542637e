"""Web pages: reading, collections, search; and hostile pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from fastback.retrieval.interfaces import VectorStore
from fastback.retrieval.web import file_limits
from sample_web import RETRIEVAL, TEXT, StubWeb, enable_web_search, serve_web, update_web_settings


@pytest.fixture
async def pages() -> AsyncIterator[StubWeb]:
    async with serve_web() as stub:
        yield stub


@pytest.fixture
def environment(upstream: str, request: pytest.FixtureRequest) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "upstream-key",
        "ENABLE_LOCAL_WEB_FETCH": "true",
        "AIOHTTP_CLIENT_ALLOW_REDIRECTS": "true",
        **getattr(request, "param", {}),
    }


async def read_page(person: Person, url: str, **query: Any) -> Any:
    return (await person.post(f"{RETRIEVAL}/process/web", {"url": url}, **query)).ok()


async def check_refused(person: Person, url: str) -> None:
    """Check that reading a page is refused."""
    reply = await person.post(f"{RETRIEVAL}/process/web", {"url": url})
    reply.refused(400, f"[ERROR: Could not read content from {url}]")


async def test_a_page_becomes_text_and_a_collection(bob: Person, server: Server, pages: StubWeb) -> None:
    url = f"{pages.url}/garden"
    page = await read_page(bob, url)
    assert page["content"] == TEXT
    assert page["file"] == {"data": {"content": TEXT}, "meta": {"name": url, "source": url}}
    assert page["filename"] == url and len(page["collection_name"]) == 63
    store = server.services.get(VectorStore)
    (chunk,) = await store.find_chunks(page["collection_name"])
    assert chunk.text == TEXT
    metadata = {"source": url, "title": "The garden", "description": "On gardens", "language": "en"}
    assert {key: chunk.metadata[key] for key in metadata} == metadata
    assert await read_page(bob, url, process=False) == {"status": True, "content": TEXT}


async def test_a_page_is_added_or_replaced(bob: Person, server: Server, pages: StubWeb) -> None:
    url = f"{pages.url}/garden"
    name = (await read_page(bob, url))["collection_name"]
    store = server.services.get(VectorStore)
    await read_page(bob, url, overwrite=False)
    assert len(await store.find_chunks(name)) == 2
    await read_page(bob, url)
    assert len(await store.find_chunks(name)) == 1


async def test_a_collection_of_another_user_is_refused(bob: Person, ada: Person, pages: StubWeb) -> None:
    body = {"url": f"{pages.url}/garden", "collection_name": f"user-memory-{ada.id}"}
    (await bob.post(f"{RETRIEVAL}/process/web", body)).refused(403)
    body["collection_name"] = f"user-memory-{bob.id}"
    assert (await bob.post(f"{RETRIEVAL}/process/web", body)).ok()["collection_name"] == f"user-memory-{bob.id}"


async def test_text_is_decoded_despite_a_wrong_charset(bob: Person, pages: StubWeb) -> None:
    for path, text in (
        ("/latin", "Gärten\nRosen blühen"),
        ("/meta", "Розы"),
        ("/nowhere-known", "x"),
        ("/plain.txt", "a < b\n  & c"),
    ):
        assert (await read_page(bob, f"{pages.url}{path}", process=False))["content"] == text


async def test_a_file_at_an_address_is_extracted(bob: Person, pages: StubWeb) -> None:
    page = await read_page(bob, f"{pages.url}/file", process=False)
    assert "rose" in page["content"] and "Monday" in page["content"]


async def test_documents_at_an_address_are_read_whatever_they_are_called(bob: Person, pages: StubWeb) -> None:
    paper = await read_page(bob, f"{pages.url}/paper.pdf", process=False)
    assert paper["content"] == "Tulips open. Asters close."
    assert (await read_page(bob, f"{pages.url}/mislabelled", process=False))["content"] == "Peonies droop."
    assert "and “quotes”" in (await read_page(bob, f"{pages.url}/report", process=False))["content"]
    assert (await read_page(bob, f"{pages.url}/unsaid", process=False))["content"] == TEXT
    await check_refused(bob, f"{pages.url}/broken.pdf")
    stored = await process_url(bob, f"{pages.url}/mislabelled")
    assert stored["type"] == "file" and stored["file"]["data"]["content"] == "Peonies droop."


@pytest.mark.parametrize("status", [300, 304, 403, 404, 410, 500, 503])
async def test_the_page_of_an_error_is_not_read(bob: Person, pages: StubWeb, status: int) -> None:
    url = f"{pages.url}/unchanging?status={status}"
    await check_refused(bob, url)
    for path in ("url", "youtube"):
        reply = await bob.post(f"{RETRIEVAL}/process/{path}", {"url": url})
        reply.refused(400, f"[ERROR: Could not read content from {url}]")
    assert (await bob.get("/api/v1/files/")).ok()["total"] == 0


async def test_an_empty_page_is_refused(bob: Person, pages: StubWeb) -> None:
    reply = await bob.post(f"{RETRIEVAL}/process/web", {"url": f"{pages.url}/empty"})
    reply.refused(400, "[ERROR: Error querying knowledge base]")


async def test_invalid_requests_are_refused(bob: Person, anonymous: Person) -> None:
    assert (await bob.post(f"{RETRIEVAL}/process/web", {})).status == 422
    assert (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": "x"})).status == 422
    for path in ("web", "youtube", "url", "web/search"):
        (await anonymous.post(f"{RETRIEVAL}/process/{path}", {})).refused(401)
    for url in ("", "garden", "file:///etc/passwd", "ftp://example.com/x", "http://", "http://exa mple.com/"):
        await check_refused(bob, url)


@pytest.mark.parametrize("environment", [{"ENABLE_LOCAL_WEB_FETCH": "false"}], indirect=True)
async def test_private_addresses_are_refused_by_default(bob: Person, pages: StubWeb) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"):
        await check_refused(bob, f"http://{host}:{pages.url.rsplit(':', 1)[1]}/garden")
    assert not pages.requests


async def test_redirects_to_forbidden_addresses_are_refused(bob: Person, pages: StubWeb) -> None:
    assert (await read_page(bob, f"{pages.url}/away?to=/garden", process=False))["content"] == TEXT
    for target in (
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
    ):
        await check_refused(bob, f"{pages.url}/away?to={target}")
    await check_refused(bob, f"{pages.url}/around")


@pytest.mark.parametrize("environment", [{"AIOHTTP_CLIENT_ALLOW_REDIRECTS": "false"}], indirect=True)
async def test_redirects_are_not_followed_if_disabled(bob: Person, pages: StubWeb) -> None:
    await check_refused(bob, f"{pages.url}/away?to=/garden")
    assert len(pages.requests) == 1


async def test_a_name_that_resolves_to_a_forbidden_address_is_refused(
    bob: Person, pages: StubWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is checked again when it is resolved for the connection; the first lookup gave another address."""
    loop = asyncio.get_running_loop()
    addresses = iter(["127.0.0.1", "169.254.169.254", "169.254.169.254", "169.254.169.254"])
    original = loop.getaddrinfo

    async def resolve(host: Any, port: Any, **more: Any) -> Any:
        if host in ("turning.example", b"turning.example"):
            return [(2, 1, 6, "", (next(addresses), port or 0))]
        return await original(host, port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    await check_refused(bob, f"http://turning.example:{pages.url.rsplit(':', 1)[1]}/garden")
    assert not pages.requests and next(addresses) == "169.254.169.254"


@pytest.mark.parametrize("path", ["/endless", "/bomb"])
async def test_an_endless_page_is_refused(bob: Person, pages: StubWeb, path: str) -> None:
    await check_refused(bob, f"{pages.url}{path}")


async def test_an_endless_file_is_refused(ada: Person, pages: StubWeb) -> None:
    settings = (await ada.get(f"{RETRIEVAL}/config")).ok()
    (await ada.post(f"{RETRIEVAL}/config/update", {**settings, "FILE_MAX_SIZE": 1})).ok()
    await check_refused(ada, f"{pages.url}/endless?type=application/pdf")


async def test_a_page_that_times_out_is_refused(ada: Person, pages: StubWeb) -> None:
    await update_web_settings(ada, WEB_LOADER_TIMEOUT="0.3")
    await check_refused(ada, f"{pages.url}/slow")


async def test_pages_found_by_a_search_are_read_and_embedded(
    ada: Person, bob: Person, server: Server, pages: StubWeb
) -> None:
    (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).refused(403)
    await enable_web_search(ada, pages)
    pages.results = [pages.make_result("/garden"), pages.make_result("/plain.txt"), pages.make_result("/garden")]
    result = (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses", "days"]})).ok()
    urls = [f"{pages.url}/garden", f"{pages.url}/plain.txt"]
    assert result["filenames"] == urls and result["loaded_count"] == 2
    assert result["items"][0] == {"link": urls[0], "title": "garden", "snippet": "About garden"}
    assert len(result["items"]) == 6  # both queries found all three
    (name,) = result["collection_names"]
    assert name.startswith(f"web-search-{bob.id}-") and len(name) == 63
    store = server.services.get(VectorStore)
    assert {chunk.metadata["source"] for chunk in await store.find_chunks(name)} == set(urls)
    hits = (
        await bob.post(f"{RETRIEVAL}/query/collection", {"collection_names": [name], "query": "Monday", "k": 1})
    ).ok()
    assert "Monday" in hits["documents"][0][0] or hits["documents"][0]
    (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()


async def test_a_search_reads_documents_and_skips_what_is_no_source(
    ada: Person, server: Server, pages: StubWeb
) -> None:
    await enable_web_search(ada, pages, WEB_SEARCH_RESULT_COUNT=20)
    sources = ["/garden", "/paper.pdf", "/report", "/mislabelled"]
    rest = ["/missing", "/unchanging?status=503", "/broken.pdf", "/rose.png", "/empty"]
    pages.results = [pages.make_result(path) for path in (*sources, *rest)]
    result = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    urls = [f"{pages.url}{path}" for path in sources]
    assert result["filenames"] == urls and [item["link"] for item in result["items"]] == urls
    (name,) = result["collection_names"]
    chunks = await server.services.get(VectorStore).find_chunks(name)
    texts = {url: [chunk.text for chunk in chunks if chunk.metadata["source"] == url] for url in urls}
    assert texts[urls[0]] == [TEXT] and texts[urls[3]] == ["Peonies droop."]
    assert texts[urls[1]] == ["Tulips open.", "Asters close."]
    assert "and “quotes”" in "".join(texts[urls[2]])
    titles = {chunk.metadata["source"]: chunk.metadata["title"] for chunk in chunks}
    assert titles[urls[1]] == "The Title" and titles[urls[2]] == "report.docx"
    assert [chunk.metadata["page"] for chunk in chunks if chunk.metadata["source"] == urls[1]] == [0, 1]
    await update_web_settings(ada, BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL=True)
    result = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    assert result["filenames"] == urls and "Asters close." in [doc["content"] for doc in result["docs"]]
    pages.results = [pages.make_result(path) for path in rest]
    (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).refused(404)


async def test_a_document_that_a_search_found_is_bounded(
    ada: Person, pages: StubWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless file and one that takes too long are skipped; a long text is cut. The limits are made small."""
    limits = file_limits.FileLimits(seconds=5.0, max_bytes=1024 * 1024, max_text=20)
    monkeypatch.setattr("fastback.retrieval.web.pages.FOUND_FILE_LIMITS", limits)
    await enable_web_search(ada, pages, BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL=True)
    paths = ("/endless?type=application/pdf", "/slow-file", "/paper.pdf")
    pages.results = [pages.make_result(path) for path in paths]
    started_at = time.monotonic()
    result = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    assert time.monotonic() - started_at < 15
    assert result["filenames"] == [f"{pages.url}/paper.pdf"]
    assert [doc["content"] for doc in result["docs"]] == ["Tulips open.", "Asters c"]


async def test_embedding_and_page_loading_can_be_bypassed(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages, BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL=True)
    pages.results = [pages.make_result("/garden")]
    result = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    assert list(result) == ["status", "collection_name", "filenames", "items", "docs", "loaded_count"]
    assert result["collection_name"] is None and result["docs"][0]["content"] == TEXT
    await update_web_settings(ada, BYPASS_WEB_SEARCH_WEB_LOADER=True)
    pages.requests.clear()
    result = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    assert [request.path for request in pages.requests] == ["/search"]
    url = f"{pages.url}/garden"
    metadata = {"source": url, "title": "garden", "snippet": "About garden", "link": url}
    assert result["docs"] == [{"content": "About garden", "metadata": metadata}]


async def test_a_failed_search_gives_a_reason(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    search = f"{RETRIEVAL}/process/web/search"
    (await ada.post(search, {"queries": ["x"]})).refused(404, "[ERROR: No results found from web search]")
    (await ada.post(search, {"queries": []})).refused(404, "[ERROR: No results found from web search]")
    pages.results = [pages.make_result("/empty"), {"url": "http://127.0.0.1:9/", "title": "gone"}]
    (await ada.post(search, {"queries": ["x"]})).refused(404, "[ERROR: None of the web search results could be loaded]")
    pages.results = [{"url": "http://169.254.169.254/", "title": "closed"}]
    search_failed = "[ERROR: Something went wrong while searching the web.]"
    (await ada.post(search, {"queries": ["x"]})).refused(400, search_failed)
    await update_web_settings(ada, SEARXNG_QUERY_URL=f"{pages.url}/nowhere")
    (await ada.post(search, {"queries": ["x"]})).refused(400, search_failed)
    await update_web_settings(ada, WEB_SEARCH_ENGINE="nobody")
    (await ada.post(search, {"queries": ["x"]})).refused(400, search_failed)


async def test_pages_that_were_found_and_cannot_be_embedded(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    pages.results = [pages.make_result("/garden")]
    settings = (await ada.get(f"{RETRIEVAL}/embedding")).ok()
    broken = {**settings, "openai_config": {"url": "http://127.0.0.1:9/v1", "key": "k"}}
    (await ada.post(f"{RETRIEVAL}/embedding/update", broken)).ok()
    detail = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).refused(500)
    assert detail.startswith("Failed to embed and store")


async def test_searching_needs_a_permission(ada: Person, bob: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["features"]["web_search"] = False
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()
    (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": ["x"]})).refused(403)


async def process_url(person: Person, url: str, **query: Any) -> Any:
    """Process the content of an address, and return the result."""
    return (await person.post(f"{RETRIEVAL}/process/url", {"url": url}, **query)).ok()


async def test_a_page_is_read_and_a_file_is_stored(bob: Person, pages: StubWeb) -> None:
    url = f"{pages.url}/garden"
    result = await process_url(bob, url)
    assert (result["type"], result["name"], result["content"], result["file"]) == ("web", url, TEXT, None)
    assert len(result["collection_name"]) == 63
    assert (await process_url(bob, f"{pages.url}/unsaid", process=False))["type"] == "web"
    url = f"{pages.url}/file"
    result = await process_url(bob, url)
    assert (result["type"], result["name"], result["content"]) == ("file", "notes.csv", None)
    file = (await bob.get(f"/api/v1/files/{result['file']['id']}")).ok()
    assert result["collection_name"] == f"file-{file['id']}" == file["meta"]["collection_name"]
    assert file["meta"]["data"] == {"source_url": url} and "rose" in file["data"]["content"]
    assert (await bob.get(f"/api/v1/files/{file['id']}/content")).body == b"flower,day\nrose,Monday\n"


async def test_an_image_is_stored_and_not_read(bob: Person, pages: StubWeb) -> None:
    result = await process_url(bob, f"{pages.url}/rose.png")
    assert (result["type"], result["name"], result["collection_name"]) == ("image", "rose.png", None)
    assert result["file"]["meta"]["content_type"] == "image/png" and "content" not in (result["file"]["data"] or {})
    reply = await bob.post(f"{RETRIEVAL}/process/url", {"url": f"{pages.url}/no-picture"})
    reply.refused(400, "[ERROR: Invalid image content]")


async def test_a_file_that_is_too_large_or_missing_is_not_stored(ada: Person, server: Server, pages: StubWeb) -> None:
    settings = (await ada.get(f"{RETRIEVAL}/config")).ok()
    (await ada.post(f"{RETRIEVAL}/config/update", {**settings, "FILE_MAX_SIZE": 1})).ok()
    reply = await ada.post(f"{RETRIEVAL}/process/url", {"url": f"{pages.url}/endless?type=application/pdf"})
    assert "less than 1 MB" in reply.refused(413)
    url = f"{pages.url}/missing"
    (await ada.post(f"{RETRIEVAL}/process/url", {"url": url})).refused(
        400, f"[ERROR: Could not read content from {url}]"
    )
    assert (await ada.get("/api/v1/files/")).ok()["total"] == 0
    assert not [path for path in (server.data_dir / "uploads").iterdir() if path.is_file()]
