"""External services that load pages, subtitles of videos, and text extraction from pages."""

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
    async with serve_services() as running_services:
        yield running_services


@pytest.fixture(autouse=True)
def no_retry_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastback.retrieval.web.firecrawl._get_retry_delay", lambda *_: 0)
    monkeypatch.setattr("fastback.retrieval.web.loaders._get_retry_delay", lambda *_: 0)


async def load_pages(services: StubServices, name: str, urls: list[str], **values: Any) -> list[tuple[str, Any]]:
    settings = load_settings(Environment({"WEBUI_SECRET_KEY": "x" * 32}))
    client: Any = services
    config: Any = ConfigValues({f"web.{key.replace('__', '.')}": value for key, value in values.items()})
    documents = await LOADERS[name](client, config, settings, urls, None)
    return [(document.text, document.metadata) for document in documents]


async def test_firecrawl(services: StubServices) -> None:
    page = {"markdown": "# A", "metadata": {"title": "A", "description": "On A", "sourceURL": A}}
    services.answers["api.firecrawl.dev"] = [503, {"data": page}, {"data": {"markdown": " "}}, 402]
    values = {"loader__firecrawl_api_key": "k", "loader__firecrawl_timeout": "2"}
    documents = await load_pages(services, "firecrawl", [A, B, "https://c.example/"], **values)
    assert documents == [("# A", {"source": A, "title": "A", "description": "On A"})]
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
    assert await load_pages(services, "tavily", [A, B], search__tavily_api_key="k") == [("On A", {"source": A})]
    assert services.bodies[-1] == {"urls": [A, B], "extract_depth": "basic"}
    await load_pages(services, "tavily", [A])
    assert services.bodies[-1]["urls"] == A
    services.answers["api.tavily.com"] = [500, {"results": results}]
    many = [f"https://a.example/{n}" for n in range(21)]
    assert len(await load_pages(services, "tavily", many)) == 1  # one of two batches failed


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
    documents = await load_pages(services, "exa", [A, B, "https://c.example/"], search__exa_api_key="k")
    assert documents == [("On A", {"source": A}), ("On B", {"source": B, "title": "B"})]
    with pytest.raises(SearchFailed):
        await load_pages(services, "exa", [A])
    for refusal in (402, 500, {"results": []}):
        services.answers["api.exa.ai"] = [refusal]
        with pytest.raises(SearchFailed):
            await load_pages(services, "exa", [A], search__exa_api_key="k")


async def test_an_external_loader(services: StubServices) -> None:
    services.answers["house.test"] = [[{"page_content": "On A", "metadata": {"source": A}}, {"page_content": 5}, "x"]]
    values = {"loader__external_web_loader_url": "http://house.test/load", "loader__external_web_loader_api_key": "k"}
    assert await load_pages(services, "external", [A, B], **values) == [("On A", {"source": A}), ("", {})]
    assert services.bodies[-1] == {"urls": [A, B]} and services.requests[-1].headers["authorization"] == "Bearer k"
    services.answers["house.test"] = [500]
    assert await load_pages(services, "external", [A], **values) == []


async def test_microsoft_web_iq(services: StubServices) -> None:
    services.answers["api.microsoft.ai"] = [{}, {"content": "On A", "title": "A"}]
    assert await load_pages(services, "microsoft_web_iq", [A], search__microsoft_web_iq_api_key="k") == []
    services.answers["api.microsoft.ai"] = [202, 503, {"content": "On A", "title": "A"}]
    documents = await load_pages(services, "microsoft_web_iq", [A], search__microsoft_web_iq_api_key="k")
    assert documents == [("On A", {"source": A, "title": "A"})]
    assert services.last_address() == "api.microsoft.ai/v3/browse" and services.requests[-1].headers["x-apikey"] == "k"
    services.answers["api.microsoft.ai"] = [404]
    assert await load_pages(services, "microsoft_web_iq", [A]) == []


# Videos

VIDEO = "https://www.youtube.com/watch?v=abcdefghijk"
PAGE = '<script>{"INNERTUBE_API_KEY": "key-1"}</script>'
CONSENT_PAGE = '<form action="https://consent.youtube.com/s"><input name="v" value="cb.1"></form>'
TRANSCRIPT = (
    "<transcript><text start='0'>Hello &amp;amp; &lt;i&gt;all&lt;/i&gt; </text><text start='1'>Bye</text></transcript>"
)


def build_track(language: str, **more: Any) -> dict[str, Any]:
    return {
        "languageCode": language,
        "name": {"runs": [{"text": language.upper()}]},
        "baseUrl": f"https://www.youtube.com/api/timedtext?lang={language}&fmt=srv3",
        **more,
    }


def build_player(*tracks: Any, **status: Any) -> dict[str, Any]:
    captions = {"captions": {"playerCaptionsTracklistRenderer": {"captionTracks": list(tracks)}}}
    return {"playabilityStatus": status or {"status": "OK"}, **captions}


class RedirectingAdapter(requests.adapters.HTTPAdapter):
    """Sends every request to the stub services, whatever its address is."""

    def __init__(self, services: StubServices) -> None:
        self._url = services.url
        super().__init__()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(str(request.url))
        request.headers["x-asked-host"] = parts.netloc
        request.url = f"{self._url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **options)


class InThisProcess:
    """Runs jobs like a worker, with a client that sends requests to the stub services."""

    def __init__(self, services: StubServices) -> None:
        self._services = services

    async def run_job(self, job: dict[str, Any]) -> str:
        with youtube_worker.open_session(job["proxy"], job["verify"]) as session:
            session.mount("https://", RedirectingAdapter(self._services))
            return await asyncio.to_thread(youtube_worker.fetch_transcript, session, job["video"], job["languages"])


async def fetch_subtitles(services: StubServices, *answers: Any, languages: tuple[str, ...] = ("en",)) -> Document:
    services.answers["www.youtube.com"] = list(answers)
    workers: Any = InThisProcess(services)
    return await youtube.fetch_transcript(workers, VIDEO, languages)


async def fetch_refusal(services: StubServices, *answers: Any, languages: tuple[str, ...] = ("en",)) -> str:
    with pytest.raises(youtube.TranscriptError) as error:
        await fetch_subtitles(services, *answers, languages=languages)
    return str(error.value)


async def test_the_subtitles_of_a_video(services: StubServices) -> None:
    document = await fetch_subtitles(services, PAGE, build_player(build_track("de"), build_track("en")), TRANSCRIPT)
    assert (document.text, document.metadata) == ("Hello & all Bye", {"source": VIDEO})
    assert services.requests[1].query["key"] == "key-1" and services.bodies[1]["videoId"] == "abcdefghijk"
    assert services.requests[2].query_string == "lang=en"


async def test_subtitles_follow_the_order_of_languages_and_prefer_manual_ones(services: StubServices) -> None:
    tracks = [build_track("fr", kind="asr"), build_track("fr"), build_track("en")]
    tracks[1]["baseUrl"] += "&by=people"
    await fetch_subtitles(services, PAGE, build_player(*tracks), TRANSCRIPT, languages=("de", "fr"))
    assert services.requests[-1].query_string == "lang=fr&by=people"
    await fetch_subtitles(services, PAGE, build_player(build_track("en")), TRANSCRIPT, languages=("de",))
    assert services.requests[-1].query["lang"] == "en"
    assert (
        await fetch_subtitles(
            services, PAGE, build_player(build_track("de"), build_track("en")), "no XML", TRANSCRIPT, languages=("de",)
        )
    ).text


async def test_a_consent_page_is_accepted_once(services: StubServices) -> None:
    await fetch_subtitles(services, CONSENT_PAGE, PAGE, build_player(build_track("en")), TRANSCRIPT)
    assert services.requests[1].headers["cookie"] == "CONSENT=YES+cb.1"
    assert (await fetch_refusal(services, CONSENT_PAGE, CONSENT_PAGE)).startswith("Could not retrieve")


async def test_missing_subtitles_have_a_reason(services: StubServices) -> None:
    robot = {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"}
    child = {"status": "LOGIN_REQUIRED", "reason": "This video may be inappropriate for some users."}
    assert "blocked" in await fetch_refusal(services, PAGE, build_player(**robot))
    assert "blocked" in await fetch_refusal(services, '<div class="g-recaptcha">')
    assert "blocked" in await fetch_refusal(services, 429)
    assert "age restricted" in await fetch_refusal(services, PAGE, build_player(**child))
    assert "is unavailable" in await fetch_refusal(services, PAGE, build_player(status="ERROR", reason="gone"))
    assert "disabled" in await fetch_refusal(services, PAGE, {"playabilityStatus": {"status": "OK"}})
    needs_more = build_track("en")
    needs_more["baseUrl"] += "&exp=xpe"
    assert "additional verification" in await fetch_refusal(services, PAGE, build_player(needs_more))
    message = await fetch_refusal(services, PAGE, build_player(build_track("fr")), languages=("de",))
    assert message == "No transcript found for the YouTube video abcdefghijk in these languages: de, en."
    for nonsense in ("[]", "{}", "no JSON"):
        assert await fetch_refusal(services, PAGE, nonsense)
    entity = '<!DOCTYPE x [<!ENTITY a "aaaa">]><transcript><text>&a;</text></transcript>'
    assert (await fetch_refusal(services, PAGE, build_player(build_track("en")), entity)).startswith(
        "Could not retrieve"
    )


async def test_the_proxy_of_the_settings_is_used() -> None:
    """Check in a worker process that the proxy gets a request to connect to YouTube, which it refuses."""
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


def read_page(page: str | bytes, charset: str | None = None) -> dict[str, Any]:
    return html.read_page(page if isinstance(page, bytes) else page.encode(), charset)


def test_text_out_of_a_page() -> None:
    page = """<!doctype html><html lang="de"><head><title> A
    page </title><META NAME=Description content="On it"><style>p {}</style></head><body><!-- hidden -->
    <h1>Head<i>line</i></h1>one<br>two<script>var x = "<p>no</p>"</script><template>no</template>
    <pre>  as
      it is </pre><table><tr><td>1</td><td>2</td></tr></table>&lt;tag&gt; &nbsp; &amp;</body></html>"""
    content = read_page(page)
    assert content["text"] == "A page\nHeadline\none\ntwo\n  as\n      it is\n1 2\n<tag> &"
    assert (content["title"], content["description"], content["language"]) == ("A page", "On it", "de")


@pytest.mark.parametrize("page", ["", " ", "<", "<html", "</", "<!--", "<p", "\x00", "<p>\ud83d", "&#xd800;", "&#0;"])
def test_invalid_pages_give_a_text(page: str) -> None:
    content = html.read_page(page.encode("utf-8", "surrogatepass"), None)
    assert isinstance(content["text"], str)
    json.dumps(content).encode()


def test_character_sets_of_a_page() -> None:
    assert read_page("ä".encode("utf-16"))["text"] == "ä"
    assert read_page(b"\xef\xbb\xbf\xc3\xa4", "latin-1")["text"] == "ä"
    assert read_page('<?xml version="1.0" encoding="iso-8859-1"?><p>ä'.encode("latin-1"))["text"].endswith("ä")
    assert read_page(b"<p>\x80 5", "utf-8")["text"] == "€ 5"
    assert read_page(b"<p>x", "base64")["text"] == "x"
    assert html.read_page(b"a  <b> c", None, markup=False) == {"text": "a  <b> c"}
