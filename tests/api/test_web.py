"""Pages of the web: read, put into collections, searched for; and those that mean us harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from fastback.retrieval.interfaces import VectorStore
from sample_web import RETRIEVAL, TEXT, StubWeb, enable_web_search, serve_web, update_web_settings


@pytest.fixture
async def pages() -> AsyncIterator[StubWeb]:
    async with serve_web() as found:
        yield found


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


async def read(person: Person, url: str, **query: Any) -> Any:
    return (await person.post(f"{RETRIEVAL}/process/web", {"url": url}, **query)).ok()


async def refused(person: Person, url: str) -> None:
    reply = await person.post(f"{RETRIEVAL}/process/web", {"url": url})
    reply.refused(400, f"[ERROR: Could not read content from {url}]")


async def test_a_page_becomes_text_and_a_collection(bob: Person, server: Server, pages: StubWeb) -> None:
    url = f"{pages.url}/garden"
    found = await read(bob, url)
    assert found["content"] == TEXT
    assert found["file"] == {"data": {"content": TEXT}, "meta": {"name": url, "source": url}}
    assert found["filename"] == url and len(found["collection_name"]) == 63
    store = server.services.get(VectorStore)
    (chunk,) = await store.find_chunks(found["collection_name"])
    assert chunk.text == TEXT
    about = {"source": url, "title": "The garden", "description": "On gardens", "language": "en"}
    assert {key: chunk.metadata[key] for key in about} == about
    assert await read(bob, url, process=False) == {"status": True, "content": TEXT}


async def test_a_page_is_added_or_takes_the_place_of_another(bob: Person, server: Server, pages: StubWeb) -> None:
    url = f"{pages.url}/garden"
    name = (await read(bob, url))["collection_name"]
    store = server.services.get(VectorStore)
    await read(bob, url, overwrite=False)
    assert len(await store.find_chunks(name)) == 2
    await read(bob, url)
    assert len(await store.find_chunks(name)) == 1


async def test_whoever_may_not_write_into_a_collection_is_refused(bob: Person, ada: Person, pages: StubWeb) -> None:
    body = {"url": f"{pages.url}/garden", "collection_name": f"user-memory-{ada.id}"}
    (await bob.post(f"{RETRIEVAL}/process/web", body)).refused(403)
    body["collection_name"] = f"user-memory-{bob.id}"
    assert (await bob.post(f"{RETRIEVAL}/process/web", body)).ok()["collection_name"] == f"user-memory-{bob.id}"


async def test_letters_are_read_whatever_the_page_says_of_them(bob: Person, pages: StubWeb) -> None:
    for path, text in (
        ("/latin", "Gärten\nRosen blühen"),
        ("/meta", "Розы"),
        ("/nowhere-known", "x"),
        ("/plain.txt", "a < b\n  & c"),
        ("/missing", "Not here"),
    ):
        assert (await read(bob, f"{pages.url}{path}", process=False))["content"] == text


async def test_a_file_is_read_as_what_it_is(bob: Person, pages: StubWeb) -> None:
    found = await read(bob, f"{pages.url}/file", process=False)
    assert "rose" in found["content"] and "Monday" in found["content"]


async def test_nothing_to_embed_is_told(bob: Person, pages: StubWeb) -> None:
    reply = await bob.post(f"{RETRIEVAL}/process/web", {"url": f"{pages.url}/empty"})
    reply.refused(400, "[ERROR: Error querying knowledge base]")


async def test_bad_requests_are_told(bob: Person, anonymous: Person) -> None:
    assert (await bob.post(f"{RETRIEVAL}/process/web", {})).status == 422
    assert (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": "x"})).status == 422
    for path in ("web", "youtube", "url", "web/search"):
        (await anonymous.post(f"{RETRIEVAL}/process/{path}", {})).refused(401)
    for url in ("", "garden", "file:///etc/passwd", "ftp://example.com/x", "http://", "http://exa mple.com/"):
        await refused(bob, url)


@pytest.mark.parametrize("environment", [{"ENABLE_LOCAL_WEB_FETCH": "false"}], indirect=True)
async def test_our_own_network_is_closed_where_it_is_not_opened(bob: Person, pages: StubWeb) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"):
        await refused(bob, f"http://{host}:{pages.url.rsplit(':', 1)[1]}/garden")
    assert not pages.requests


async def test_a_redirect_does_not_lead_where_nobody_may_go(bob: Person, pages: StubWeb) -> None:
    assert (await read(bob, f"{pages.url}/away?to=/garden", process=False))["content"] == TEXT
    for target in (
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
    ):
        await refused(bob, f"{pages.url}/away?to={target}")
    await refused(bob, f"{pages.url}/around")


@pytest.mark.parametrize("environment", [{"AIOHTTP_CLIENT_ALLOW_REDIRECTS": "false"}], indirect=True)
async def test_redirects_are_followed_only_where_they_may_be(bob: Person, pages: StubWeb) -> None:
    found = await read(bob, f"{pages.url}/away?to=/garden", process=False)
    assert found["content"] == "elsewhere" and len(pages.requests) == 1


async def test_a_name_that_leads_to_a_closed_address_is_not_called(
    bob: Person, pages: StubWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is judged again where it is resolved for the connection: the first answer was another one."""
    loop = asyncio.get_running_loop()
    answers = iter(["127.0.0.1", "169.254.169.254", "169.254.169.254", "169.254.169.254"])
    real = loop.getaddrinfo

    async def turning(host: Any, port: Any, **more: Any) -> Any:
        if host in ("turning.example", b"turning.example"):
            return [(2, 1, 6, "", (next(answers), port or 0))]
        return await real(host, port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", turning)
    await refused(bob, f"http://turning.example:{pages.url.rsplit(':', 1)[1]}/garden")
    assert not pages.requests and next(answers) == "169.254.169.254"


@pytest.mark.parametrize("path", ["/endless", "/bomb"])
async def test_a_page_without_end_is_given_up(bob: Person, pages: StubWeb, path: str) -> None:
    await refused(bob, f"{pages.url}{path}")


async def test_a_file_without_end_is_given_up(ada: Person, pages: StubWeb) -> None:
    known = (await ada.get(f"{RETRIEVAL}/config")).ok()
    (await ada.post(f"{RETRIEVAL}/config/update", {**known, "FILE_MAX_SIZE": 1})).ok()
    await refused(ada, f"{pages.url}/endless?type=application/pdf")


async def test_a_page_that_does_not_come_is_given_up(ada: Person, pages: StubWeb) -> None:
    await update_web_settings(ada, WEB_LOADER_TIMEOUT="0.3")
    await refused(ada, f"{pages.url}/slow")


async def test_what_a_search_finds_is_read_and_embedded(
    ada: Person, bob: Person, server: Server, pages: StubWeb
) -> None:
    (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).refused(403)
    await enable_web_search(ada, pages)
    pages.results = [pages.make_result("/garden"), pages.make_result("/plain.txt"), pages.make_result("/garden")]
    found = (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses", "days"]})).ok()
    urls = [f"{pages.url}/garden", f"{pages.url}/plain.txt"]
    assert found["filenames"] == urls and found["loaded_count"] == 2
    assert found["items"][0] == {"link": urls[0], "title": "garden", "snippet": "About garden"}
    assert len(found["items"]) == 6  # both queries found all three
    (name,) = found["collection_names"]
    assert name.startswith(f"web-search-{bob.id}-") and len(name) == 63
    store = server.services.get(VectorStore)
    assert {one.metadata["source"] for one in await store.find_chunks(name)} == set(urls)
    hits = (
        await bob.post(f"{RETRIEVAL}/query/collection", {"collection_names": [name], "query": "Monday", "k": 1})
    ).ok()
    assert "Monday" in hits["documents"][0][0] or hits["documents"][0]
    (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()


async def test_what_a_search_finds_may_stay_as_it_is(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages, BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL=True)
    pages.results = [pages.make_result("/garden")]
    found = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    assert list(found) == ["status", "collection_name", "filenames", "items", "docs", "loaded_count"]
    assert found["collection_name"] is None and found["docs"][0]["content"] == TEXT
    await update_web_settings(ada, BYPASS_WEB_SEARCH_WEB_LOADER=True)
    pages.requests.clear()
    found = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).ok()
    assert [one.path for one in pages.requests] == ["/search"]
    url = f"{pages.url}/garden"
    about = {"source": url, "title": "garden", "snippet": "About garden", "link": url}
    assert found["docs"] == [{"content": "About garden", "metadata": about}]


async def test_a_search_that_comes_to_nothing_says_why(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    search = f"{RETRIEVAL}/process/web/search"
    (await ada.post(search, {"queries": ["x"]})).refused(404, "[ERROR: No results found from web search]")
    (await ada.post(search, {"queries": []})).refused(404, "[ERROR: No results found from web search]")
    pages.results = [pages.make_result("/empty"), {"url": "http://127.0.0.1:9/", "title": "gone"}]
    (await ada.post(search, {"queries": ["x"]})).refused(404, "[ERROR: None of the web search results could be loaded]")
    pages.results = [{"url": "http://169.254.169.254/", "title": "closed"}]
    wrong = "[ERROR: Something went wrong while searching the web.]"
    (await ada.post(search, {"queries": ["x"]})).refused(400, wrong)
    await update_web_settings(ada, SEARXNG_QUERY_URL=f"{pages.url}/nowhere")
    (await ada.post(search, {"queries": ["x"]})).refused(400, wrong)
    await update_web_settings(ada, WEB_SEARCH_ENGINE="nobody")
    (await ada.post(search, {"queries": ["x"]})).refused(400, wrong)


async def test_pages_that_were_found_and_cannot_be_embedded(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    pages.results = [pages.make_result("/garden")]
    known = (await ada.get(f"{RETRIEVAL}/embedding")).ok()
    broken = {**known, "openai_config": {"url": "http://127.0.0.1:9/v1", "key": "k"}}
    (await ada.post(f"{RETRIEVAL}/embedding/update", broken)).ok()
    told = (await ada.post(f"{RETRIEVAL}/process/web/search", {"queries": ["roses"]})).refused(500)
    assert told.startswith("Failed to embed and store")


async def test_searching_needs_a_permission(ada: Person, bob: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["features"]["web_search"] = False
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()
    (await bob.post(f"{RETRIEVAL}/process/web/search", {"queries": ["x"]})).refused(403)


async def given(person: Person, url: str, **query: Any) -> Any:
    return (await person.post(f"{RETRIEVAL}/process/url", {"url": url}, **query)).ok()


async def test_a_page_at_an_address_is_read_and_a_file_is_kept(bob: Person, pages: StubWeb) -> None:
    url = f"{pages.url}/garden"
    found = await given(bob, url)
    assert (found["type"], found["name"], found["content"], found["file"]) == ("web", url, TEXT, None)
    assert len(found["collection_name"]) == 63
    assert (await given(bob, f"{pages.url}/unsaid", process=False))["type"] == "web"
    url = f"{pages.url}/file"
    found = await given(bob, url)
    assert (found["type"], found["name"], found["content"]) == ("file", "notes.csv", None)
    file = (await bob.get(f"/api/v1/files/{found['file']['id']}")).ok()
    assert found["collection_name"] == f"file-{file['id']}" == file["meta"]["collection_name"]
    assert file["meta"]["data"] == {"source_url": url} and "rose" in file["data"]["content"]
    assert (await bob.get(f"/api/v1/files/{file['id']}/content")).body == b"flower,day\nrose,Monday\n"


async def test_a_picture_at_an_address_is_kept_and_not_read(bob: Person, pages: StubWeb) -> None:
    found = await given(bob, f"{pages.url}/rose.png")
    assert (found["type"], found["name"], found["collection_name"]) == ("image", "rose.png", None)
    assert found["file"]["meta"]["content_type"] == "image/png" and "content" not in (found["file"]["data"] or {})
    reply = await bob.post(f"{RETRIEVAL}/process/url", {"url": f"{pages.url}/no-picture"})
    reply.refused(400, "[ERROR: Invalid image content]")


async def test_a_file_that_is_too_large_or_not_there_is_not_kept(ada: Person, server: Server, pages: StubWeb) -> None:
    known = (await ada.get(f"{RETRIEVAL}/config")).ok()
    (await ada.post(f"{RETRIEVAL}/config/update", {**known, "FILE_MAX_SIZE": 1})).ok()
    reply = await ada.post(f"{RETRIEVAL}/process/url", {"url": f"{pages.url}/endless?type=application/pdf"})
    assert "less than 1 MB" in reply.refused(413)
    url = f"{pages.url}/missing"
    (await ada.post(f"{RETRIEVAL}/process/url", {"url": url})).refused(
        400, f"[ERROR: Could not read content from {url}]"
    )
    assert (await ada.get("/api/v1/files/")).ok()["total"] == 0
    assert not [one for one in (server.data_dir / "uploads").iterdir() if one.is_file()]
