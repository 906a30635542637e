"""A small web on loopback: a few pages, some of them hostile, and a search engine."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from conftest import Person
from sample_documents import docx, pdf

RETRIEVAL = "/api/v1/retrieval"
PAGE = """<!doctype html><html lang="en"><head><title>The garden</title><script>var hidden = 1</script>
<meta name="description" content="On gardens"></head><body><h1>Roses</h1><p>Roses are   watered on <b>Monday</b>.</p>
<style>p { color: red }</style></body></html>"""
TEXT = "The garden\nRoses\nRoses are watered on Monday."

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)

#: Fetches from its own server, from a forbidden address, and through a redirect; the image is never requested.
SCRIPTED = """<!doctype html><title>Scripted</title><img src="/rose.png"><p id="place">nothing</p><script>
const ask = (url) => { const x = new XMLHttpRequest(); try { x.open("GET", url, false); x.send();
  return JSON.parse(x.responseText).flower } catch { return "closed" } };
document.getElementById("place").textContent = "Written by script: " + [ask("/data"),
  ask("http://169.254.169.254/"), ask("/away?to=/data")].join(", ");
</script>"""


class StubWeb:
    """A server of a few pages and a search engine on loopback; `requests` records what it receives."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.results: Any = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        match request.path:
            case "/garden":
                return web.Response(text=PAGE, content_type="text/html")
            case "/plain.txt":
                return web.Response(text="a < b\n  & c", content_type="text/plain")
            case "/latin":
                body = "<html><title>Gärten</title><p>Rosen blühen</p>".encode("latin-1")
                return web.Response(body=body, headers={"content-type": "text/html; charset=utf-8"})
            case "/meta":
                body = '<html><head><meta charset="windows-1251"></head><p>Розы</p>'.encode("windows-1251")
                return web.Response(body=body, headers={"content-type": "text/html"})
            case "/nowhere-known":
                return web.Response(body=b"<p>x", headers={"content-type": "text/html; charset=klingon"})
            case "/empty":
                return web.Response(text="", content_type="text/html")
            case "/scripted":
                return web.Response(text=SCRIPTED, content_type="text/html")
            case "/data":
                return web.json_response({"flower": "Roses"})
            case "/missing":
                return web.Response(text="<p>Not here", content_type="text/html", status=404)
            case "/file":
                disposition = {"content-disposition": 'attachment; filename="notes.csv"'}
                return web.Response(
                    body=b"flower,day\nrose,Monday\n", content_type="application/csv", headers=disposition
                )
            case "/paper.pdf":
                return web.Response(body=pdf("Tulips open.", "Asters close."), content_type="application/pdf")
            case "/mislabelled":
                return web.Response(body=pdf("Peonies droop."), headers={"content-type": "text/html; charset=utf-8"})
            case "/report":
                return web.Response(body=docx(), content_type=DOCX)
            case "/broken.pdf":
                return web.Response(body=b"%PDF-1.7 and no more", content_type="application/pdf")
            case "/unchanging":
                return web.Response(text="<p>Some error", content_type="text/html", status=int(request.query["status"]))
            case "/rose.png":
                return web.Response(body=PICTURE, content_type="image/png")
            case "/no-picture":
                return web.Response(body=b"<p>no", content_type="image/png")
            case "/unsaid":
                return web.Response(body=PAGE.encode(), headers={"content-type": "application/octet-stream"})
            case "/away":
                return web.Response(status=302, headers={"location": request.query["to"]}, text="elsewhere")
            case "/around":
                return web.Response(status=302, headers={"location": "/around"})
            case "/endless":
                return await self._endless(request, b"<p>more and more</p>" * 4096)
            case "/slow-file":
                return await self._send_slowly(request)
            case "/slow":
                await asyncio.sleep(30)
                return web.Response()
            case "/bomb":
                body = gzip.compress(b"0" * (64 * 1024 * 1024), 9)
                return web.Response(body=body, headers={"content-encoding": "gzip", "content-type": "text/html"})
            case "/search":
                return web.json_response({"results": self.results})
        return web.Response(status=404)

    async def _endless(self, request: web.Request, piece: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": request.query.get("type", "text/html")})
        await response.prepare(request)
        try:
            while True:
                await response.write(piece)
        except ConnectionError:
            return response

    async def _send_slowly(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/pdf"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"%PDF-1.7\n" * 1000)
                await asyncio.sleep(0.2)
        except ConnectionError:
            return response

    def make_result(self, path: str, **more: Any) -> dict[str, Any]:
        return {"url": f"{self.url}{path}", "title": path[1:], "content": f"About {path[1:]}", **more}


@asynccontextmanager
async def serve_web() -> AsyncIterator[StubWeb]:
    """Run the server while the context is open."""
    stub = StubWeb()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", stub.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stub
    await runner.cleanup()


async def update_web_settings(ada: Person, **values: Any) -> None:
    """Change settings of the page "Web Search"."""
    settings = (await ada.get(f"{RETRIEVAL}/config")).ok()
    (await ada.post(f"{RETRIEVAL}/config/update", {**settings, "web": {**settings["web"], **values}})).ok()


async def enable_web_search(ada: Person, pages: StubWeb, **values: Any) -> None:
    """Enable web search with the server's own search engine."""
    settings = {"ENABLE_WEB_SEARCH": True, "WEB_SEARCH_ENGINE": "searxng", "SEARXNG_QUERY_URL": f"{pages.url}/search"}
    await update_web_settings(ada, **settings, **values)
