"""Services that fetch pages in our place, subtitles of videos, and text out of pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests.adapters

from fastback.kit.workers.pool import WorkerPool
from fastback.retrieval.interfaces import Document
from fastback.retrieval.web import html, youtube, youtube_worker
from fastback.retrieval.web.loaders import LOADERS
from fastback.retrieval.web.search_request import SearchFailed
from fastback.settings import Environment, load_settings
from search_services import A, B, ConfigValues, StubServices, serve_services


@pytest.fixture
async def services() -> AsyncIterator[StubServices]:
    async with serve_services() as found:
        yield found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastback.retrieval.web.firecrawl._get_retry_delay", lambda *_: 0)
    monkeypatch.setattr("fastback.retrieval.web.loaders._get_retry_delay", lambda *_: 0)


async def load(services: StubServices, name: str, urls: list[str], **values: Any) -> list[tuple[str, Any]]:
    settings = load_settings(Environment({"WEBUI_SECRET_KEY": "x" * 32}))
    client: Any = services
    config: Any = ConfigValues({f"web.{key.replace('__', '.')}": value for key, value in values.items()})
    found = await LOADERS[name](client, config, settings, urls, None)
    return [(one.text, one.metadata) for one in found]


async def test_firecrawl(services: StubServices) -> None:
    page = {"markdown": "# A", "metadata": {"title": "A", "description": "On A", "sourceURL": A}}
    services.answers["api.firecrawl.dev"] = [503, {"data": page}, {"data": {"markdown": " "}}, 402]
    values = {"loader__firecrawl_api_key": "k", "loader__firecrawl_timeout": "2"}
    found = await load(services, "firecrawl", [A, B, "https://c.example/"], **values)
    assert found == [("# A", {"source": A, "title": "A", "description": "On A"})]
    assert services.last_address() == "api.firecrawl.dev/v2/scrape"
    assert services.bodies[0] == {
        "url": A,
        "formats": ["markdown"],
        "skipTlsVerification": False,
        "removeBase64Images": True,
        "timeout": 2000,
    }
    assert services.requests[0].headers["authorization"] == "Bearer k"


async def test_tavily(services: StubServices) -> None:
    results = [{"url": A, "raw_content": "On A"}, {"url": B, "raw_content": ""}]
    services.answers["api.tavily.com"] = [{"results": results, "failed_results": [{"url": "x", "error": "no"}]}]
    assert await load(services, "tavily", [A, B], search__tavily_api_key="k") == [("On A", {"source": A})]
    assert services.bodies[-1] == {"urls": [A, B], "extract_depth": "basic"}
    await load(services, "tavily", [A])
    assert services.bodies[-1]["urls"] == A
    services.answers["api.tavily.com"] = [500, {"results": results}]
    many = [f"https://a.example/{n}" for n in range(21)]
    assert len(await load(services, "tavily", many)) == 1  # of two batches one failed


async def test_exa(services: StubServices) -> None:
    answer = {
        "results": [
            {"id": B, "text": "On B", "title": "B"},
            {"url": A, "text": "On A"},
            {"url": "https://other.example/", "text": "Not asked for"},
            {"id": "https://c.example/", "text": "Failed"},
        ],
        "statuses": [{"id": A, "status": "success"}, {"id": "https://c.example/", "status": "error"}],
    }
    services.answers["api.exa.ai"] = [answer]
    found = await load(services, "exa", [A, B, "https://c.example/"], search__exa_api_key="k")
    assert found == [("On A", {"source": A}), ("On B", {"source": B, "title": "B"})]
    with pytest.raises(SearchFailed):
        await load(services, "exa", [A])
    for refusal in (402, 500, {"results": []}):
        services.answers["api.exa.ai"] = [refusal]
        with pytest.raises(SearchFailed):
            await load(services, "exa", [A], search__exa_api_key="k")


async def test_a_loader_of_ones_own(services: StubServices) -> None:
    services.answers["house.test"] = [[{"page_content": "On A", "metadata": {"source": A}}, {"page_content": 5}, "x"]]
    values = {"loader__external_web_loader_url": "http://house.test/load", "loader__external_web_loader_api_key": "k"}
    assert await load(services, "external", [A, B], **values) == [("On A", {"source": A}), ("", {})]
    assert services.bodies[-1] == {"urls": [A, B]} and services.requests[-1].headers["authorization"] == "Bearer k"
    services.answers["house.test"] = [500]
    assert await load(services, "external", [A], **values) == []


async def test_microsoft_web_iq(services: StubServices) -> None:
    services.answers["api.microsoft.ai"] = [{}, {"content": "On A", "title": "A"}]
    assert await load(services, "microsoft_web_iq", [A], search__microsoft_web_iq_api_key="k") == []
    services.answers["api.microsoft.ai"] = [202, 503, {"content": "On A", "title": "A"}]
    found = await load(services, "microsoft_web_iq", [A], search__microsoft_web_iq_api_key="k")
    assert found == [("On A", {"source": A, "title": "A"})]
    assert services.last_address() == "api.microsoft.ai/v3/browse" and services.requests[-1].headers["x-apikey"] == "k"
    services.answers["api.microsoft.ai"] = [404]
    assert await load(services, "microsoft_web_iq", [A]) == []


# Videos

VIDEO = "https://www.youtube.com/watch?v=abcdefghijk"
PAGE = '<script>{"INNERTUBE_API_KEY": "key-1"}</script>'
AGREE = '<form action="https://consent.youtube.com/s"><input name="v" value="cb.1"></form>'
WORDS = (
    "<transcript><text start='0'>Hello &amp;amp; &lt;i&gt;all&lt;/i&gt; </text><text start='1'>Bye</text></transcript>"
)


def track(language: str, **more: Any) -> dict[str, Any]:
    return {
        "languageCode": language,
        "name": {"runs": [{"text": language.upper()}]},
        "baseUrl": f"https://www.youtube.com/api/timedtext?lang={language}&fmt=srv3",
        **more,
    }


def player(*tracks: Any, **status: Any) -> dict[str, Any]:
    found = {"captions": {"playerCaptionsTracklistRenderer": {"captionTracks": list(tracks)}}}
    return {"playabilityStatus": status or {"status": "OK"}, **found}


class Redirected(requests.adapters.HTTPAdapter):
    """Leads to the services, whatever the address says."""

    def __init__(self, services: StubServices) -> None:
        self._url = services.url
        super().__init__()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(str(request.url))
        request.headers["x-asked-host"] = parts.netloc
        request.url = f"{self._url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **options)


class InThisProcess:
    """Does jobs as a worker does, with a client that leads to the services."""

    def __init__(self, services: StubServices) -> None:
        self._services = services

    async def ask(self, job: dict[str, Any]) -> str:
        with youtube_worker.open_session(job["proxy"], job["verify"]) as session:
            session.mount("https://", Redirected(self._services))
            return await asyncio.to_thread(youtube_worker.fetch_transcript, session, job["video"], job["languages"])


async def said(services: StubServices, *answers: Any, languages: tuple[str, ...] = ("en",)) -> Document:
    services.answers["www.youtube.com"] = list(answers)
    workers: Any = InThisProcess(services)
    return await youtube.fetch_transcript(workers, VIDEO, languages)


async def refused(services: StubServices, *answers: Any, languages: tuple[str, ...] = ("en",)) -> str:
    with pytest.raises(youtube.TranscriptError) as error:
        await said(services, *answers, languages=languages)
    return str(error.value)


async def test_what_is_said_in_a_video(services: StubServices) -> None:
    found = await said(services, PAGE, player(track("de"), track("en")), WORDS)
    assert (found.text, found.metadata) == ("Hello & all Bye", {"source": VIDEO})
    assert services.requests[1].query["key"] == "key-1" and services.bodies[1]["videoId"] == "abcdefghijk"
    assert services.requests[2].query_string == "lang=en"


async def test_languages_in_their_order_and_people_before_machines(services: StubServices) -> None:
    tracks = [track("fr", kind="asr"), track("fr"), track("en")]
    tracks[1]["baseUrl"] += "&by=people"
    await said(services, PAGE, player(*tracks), WORDS, languages=("de", "fr"))
    assert services.requests[-1].query_string == "lang=fr&by=people"
    await said(services, PAGE, player(track("en")), WORDS, languages=("de",))
    assert services.requests[-1].query["lang"] == "en"
    assert (await said(services, PAGE, player(track("de"), track("en")), "no XML", WORDS, languages=("de",))).text


async def test_cookies_are_agreed_to_where_that_is_asked(services: StubServices) -> None:
    await said(services, AGREE, PAGE, player(track("en")), WORDS)
    assert services.requests[1].headers["cookie"] == "CONSENT=YES+cb.1"
    assert (await refused(services, AGREE, AGREE)).startswith("Could not retrieve")


async def test_why_there_are_no_subtitles(services: StubServices) -> None:
    robot = {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"}
    child = {"status": "LOGIN_REQUIRED", "reason": "This video may be inappropriate for some users."}
    assert "blocked" in await refused(services, PAGE, player(**robot))
    assert "blocked" in await refused(services, '<div class="g-recaptcha">')
    assert "blocked" in await refused(services, 429)
    assert "age restricted" in await refused(services, PAGE, player(**child))
    assert "is unavailable" in await refused(services, PAGE, player(status="ERROR", reason="gone"))
    assert "disabled" in await refused(services, PAGE, {"playabilityStatus": {"status": "OK"}})
    needs_more = track("en")
    needs_more["baseUrl"] += "&exp=xpe"
    assert "additional verification" in await refused(services, PAGE, player(needs_more))
    none = await refused(services, PAGE, player(track("fr")), languages=("de",))
    assert none == "No transcript found for the YouTube video abcdefghijk in these languages: de, en."
    for nonsense in ("[]", "{}", "no JSON"):
        assert await refused(services, PAGE, nonsense)
    entity = '<!DOCTYPE x [<!ENTITY a "aaaa">]><transcript><text>&a;</text></transcript>'
    assert (await refused(services, PAGE, player(track("en")), entity)).startswith("Could not retrieve")


async def test_the_proxy_of_the_settings_is_used() -> None:
    """In a worker process: the proxy is asked to connect to YouTube, and refuses."""
    lines: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    workers = WorkerPool("fastback.retrieval.web.youtube_worker", youtube.LIMITS, name="videos")
    with pytest.raises(youtube.TranscriptError, match="Could not retrieve a transcript for the YouTube video abcdefg"):
        await youtube.fetch_transcript(workers, VIDEO, ["en"], proxy=f"http://127.0.0.1:{port}")
    await workers.close()
    proxy.close()
    assert [line.split()[:2] for line in lines] == [[b"CONNECT", b"www.youtube.com:443"]]


def test_addresses_of_videos() -> None:
    for url in (
        "https://youtu.be/abcdefghijk",
        "https://www.youtube.com/embed/abcdefghijk",
        "https://youtube.com/watch?a=1&v=abcdefghijk",
        "http://m.youtube.com/shorts/abcdefghijk",
    ):
        assert youtube.get_video_id(url) == "abcdefghijk"
    assert youtube.get_video_id("https://youtube.com/watch?v=short") == "https://youtube.com/watch?v=short"
    assert youtube.is_video("youtube.com/x") and youtube.is_video("https://youtu.be/x")
    assert not youtube.is_video("https://example.com/youtube.com/x") and not youtube.is_video("https://youtube.com/")


# Pages


def read(page: str | bytes, charset: str | None = None) -> dict[str, Any]:
    return html.read_page(page if isinstance(page, bytes) else page.encode(), charset)


def test_text_out_of_a_page() -> None:
    page = """<!doctype html><html lang="de"><head><title> A
    page </title><META NAME=Description content="On it"><style>p {}</style></head><body><!-- hidden -->
    <h1>Head<i>line</i></h1>one<br>two<script>var x = "<p>no</p>"</script><template>no</template>
    <pre>  as
      it is </pre><table><tr><td>1</td><td>2</td></tr></table>&lt;tag&gt; &nbsp; &amp;</body></html>"""
    found = read(page)
    assert found["text"] == "A page\nHeadline\none\ntwo\n  as\n      it is\n1 2\n<tag> &"
    assert (found["title"], found["description"], found["language"]) == ("A page", "On it", "de")


@pytest.mark.parametrize("page", ["", " ", "<", "<html", "</", "<!--", "<p", "\x00", "<p>\ud83d", "&#xd800;", "&#0;"])
def test_pages_that_are_none(page: str) -> None:
    found = html.read_page(page.encode("utf-8", "surrogatepass"), None)
    assert isinstance(found["text"], str)
    json.dumps(found).encode()


def test_letters() -> None:
    assert read("ä".encode("utf-16"))["text"] == "ä"
    assert read(b"\xef\xbb\xbf\xc3\xa4", "latin-1")["text"] == "ä"
    assert read('<?xml version="1.0" encoding="iso-8859-1"?><p>ä'.encode("latin-1"))["text"].endswith("ä")
    assert read(b"<p>\x80 5", "utf-8")["text"] == "€ 5"
    assert read(b"<p>x", "base64")["text"] == "x"
    assert html.read_page(b"a  <b> c", None, markup=False) == {"text": "a  <b> c"}
