"""External extraction engines, each with a server that implements its protocol."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from fastback import messages
from fastback.access.identity import User
from fastback.config import Config, definitions
from fastback.kit.bus import Bus
from fastback.providers.request_context import RequestContext
from fastback.retrieval.extraction.engines import engine_client, mistral
from fastback.retrieval.extraction.engines.registry import ENGINES
from fastback.retrieval.extraction.extraction_pool import ExtractionPool
from fastback.retrieval.extraction.formats.archive import TOO_LARGE
from fastback.retrieval.extraction.service import ConfiguredExtractor
from fastback.retrieval.interfaces import Document, RetrievalError
from fastback.settings import Settings

CONTENT = b"%PDF-1.4 " + bytes(range(256)) * 1000
EngineAnswer = Callable[[web.Request, bytes], Any]


class EngineServer:
    """A server that answers by `METHOD /path` and records its requests."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Any] = {}
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        operation = f"{request.method} {request.path_qs}"
        self.requests.append((operation, dict(request.headers), body))
        answer = self.answers.get(operation)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer is None:
            return web.Response(status=404, text="no such thing")
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers, reason=answer.reason)
        return web.json_response(answer) if not isinstance(answer, bytes) else web.Response(body=answer)

    def headers(self, number: int = 0) -> dict[str, str]:
        return {name.lower(): value for name, value in self.requests[number][1].items()}


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EngineServer]:
    monkeypatch.setattr(engine_client, "POLL_INTERVAL", 0.01)
    monkeypatch.setattr(mistral, "RETRY_DELAY", 0.01)
    server = EngineServer()
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


Extract = Callable[..., Awaitable[list[Document]]]


@pytest.fixture
async def extract(engine: EngineServer, tmp_path: Path) -> AsyncIterator[Extract]:
    pool = ExtractionPool()
    async with aiohttp.ClientSession() as client:

        async def extract(
            engine_name: str,
            filename: str = "a.pdf",
            content_type: str = "application/pdf",
            *,
            content: bytes = CONTENT,
            context: RequestContext | None = None,
            settings: Settings | None = None,
            **values: Any,
        ) -> list[Document]:
            path = tmp_path / f"0f-id_{filename}"
            path.write_bytes(content)
            config_values = {f"rag.{name}": value for name, value in values.items()}
            settings = settings or Settings(data_dir=str(tmp_path))
            defaults = {
                **definitions.compute_defaults({}),
                "rag.content_extraction_engine": engine_name,
                **config_values,
            }
            config = Config(db=cast(Any, None), settings=settings, bus=Bus(), defaults=defaults)
            extractor = ConfiguredExtractor(
                config=config, settings=settings, client=client, permissions=cast(Any, None), pool=pool
            )
            return await extractor.extract(path, filename, content_type, ctx=context)

        yield extract
    await pool.close()


def _parse_form(body: bytes, headers: dict[str, str]) -> list[tuple[str, str, bytes]]:
    """Return name, file name and content of each field of a form."""
    boundary = headers["content-type"].partition("boundary=")[2].strip('"').encode()
    fields = []
    for part in body.split(b"--" + boundary)[1:-1]:
        header_bytes, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        header = header_bytes.decode()
        name = header.partition('name="')[2].partition('"')[0]
        fields.append((name, header.partition('filename="')[2].partition('"')[0], content))
    return fields


async def test_tika(extract: Extract, engine: EngineServer) -> None:
    engine.answers["PUT /tika/text"] = {"X-TIKA:content": "\n found ﬁle \n", "Content-Type": "application/pdf"}
    (document,) = await extract("tika", tika_server_url=engine.url + "/", pdf_extract_images=True)
    assert document == Document(
        "found file", {"X-Tika-PDFextractInlineImages": "true", "Content-Type": "application/pdf"}
    )
    assert engine.requests[0][2] == CONTENT
    assert "content-type" not in engine.headers()
    assert engine.headers()["content-length"] == str(len(CONTENT))
    engine.answers["PUT /tika/json/md"] = {"tk:content": "# newer"}
    (document,) = await extract("tika", tika_server_url=engine.url, tika_server_version="4")
    assert document == Document("# newer", {})
    engine.answers["PUT /tika/json/md"] = web.Response(status=422)
    with pytest.raises(RetrievalError, match="Error calling Tika: Unprocessable"):
        await extract("tika", tika_server_url=engine.url, tika_server_version="4")


@pytest.mark.parametrize("engine_name", ["tika", "docling"])
async def test_texts_are_not_sent_to_an_engine(extract: Extract, engine: EngineServer, engine_name: str) -> None:
    values = {"tika_server_url": engine.url, "docling_server_url": engine.url}
    (document,) = await extract(engine_name, "a.py", "video/x-thing", content=b"print(1)", **values)
    assert document.text == "print(1)"
    assert engine.requests == []


async def test_docling(extract: Extract, engine: EngineServer) -> None:
    layout = {"texts": [{"content_layer": "body", "prov": [{"page_no": number}]} for number in (1, 3)]}
    engine.answers["POST /v1/convert/file"] = {
        "status": "success",
        "document": {"md_content": "one\f two", "json_content": layout},
    }
    values = {"docling_server_url": engine.url, "docling_api_key": "secret"}
    documents = await extract("docling", **values, docling_params={"do_ocr": True, "pages": [1, 2], "none": None})
    metadata = {"Content-Type": "application/pdf"}
    assert documents == [Document("one", {**metadata, "page": 0}), Document("two", {**metadata, "page": 2})]
    assert engine.headers()["x-api-key"] == "secret"
    form = _parse_form(engine.requests[0][2], engine.headers())
    assert [(name, content) for name, _, content in form[:-1]] == [
        ("image_export_mode", b"placeholder"),
        ("md_page_break_placeholder", b"\f"),
        ("to_formats", b"md"),
        ("to_formats", b"json"),
        ("do_ocr", b"True"),
        ("pages", b"1"),
        ("pages", b"2"),
    ]
    assert form[-1] == ("files", "0f-id_a.pdf", CONTENT)
    engine.answers["POST /v1/convert/file"] = {"status": "failure", "errors": [{"error_message": "no way"}]}
    with pytest.raises(RetrievalError, match="conversion status failure - no way"):
        await extract("docling", **values)
    engine.answers["POST /v1/convert/file"] = web.Response(status=400, text='{"detail": "odd"}')
    with pytest.raises(RetrievalError, match="Error calling Docling API: Bad Request - odd"):
        await extract("docling", **values)


async def test_external_server(extract: Extract, engine: EngineServer, tmp_path: Path) -> None:
    engine.answers["PUT /process"] = [{"page_content": "one", "metadata": {"page": 1}}, {"page_content": "two"}]
    user = User(id="u1", name="Ada", email="ada@example.com", role="admin")
    values = {
        "external_document_loader_url": engine.url + "/",
        "external_document_loader_api_key": "secret",
        "external_document_loader_headers": {"X-Of": "{{USER_ID}} {{FILE_ID}} {{FILE_NAME}}"},
    }
    engine.answers["PUT /process"] = [[{"page_content": "one", "metadata": {"page": 1}}, {"page_content": "two"}]]
    documents = await extract("external", "ä b.pdf", context=RequestContext(user=user), **values)
    assert documents == [Document("one", {"page": 1}), Document("two", {})]
    headers = engine.headers()
    assert headers["authorization"] == "Bearer secret"
    assert headers["content-type"] == "application/pdf"
    assert headers["x-filename"] == "0f-id_%C3%A4%20b.pdf"
    assert headers["x-of"] == "u1 0f-id %C3%A4 b.pdf"
    assert headers["x-openwebui-user-name"] == "Ada"
    assert engine.requests[0][2] == CONTENT
    for answer, message in (
        ([], "No content returned"),
        ({}, "No content returned"),
        (b'"text"', "Unable to parse content"),
        (web.Response(status=500, text="oh"), "Error loading document: 500 oh"),
    ):
        engine.answers["PUT /process"] = [answer]
        with pytest.raises(RetrievalError, match=message):
            await extract("external", **values)


async def test_document_intelligence(extract: Extract, engine: EngineServer) -> None:
    values = {"document_intelligence_endpoint": engine.url, "document_intelligence_key": "secret"}
    begin = (
        "POST /documentintelligence/documentModels/prebuilt-layout:analyze"
        "?api-version=2024-11-30&outputContentFormat=markdown"
    )
    engine.answers[begin] = web.Response(status=202, headers={"Operation-Location": engine.url + "/results/7"})
    result = {"content": "# read", "modelId": "prebuilt-layout", "pages": [{"words": []}]}
    engine.answers["GET /results/7"] = [{"status": "running"}, {"status": "succeeded", "analyzeResult": result}]
    assert await extract("document_intelligence", **values) == [Document("# read", {"modelId": "prebuilt-layout"})]
    assert engine.requests[0][2] == CONTENT
    assert [request[1]["Ocp-Apim-Subscription-Key"] for request in engine.requests] == ["secret"] * 3
    engine.answers["GET /results/7"] = [{"status": "failed", "error": {"message": "blurred"}}]
    with pytest.raises(RetrievalError, match="Document Intelligence: blurred"):
        await extract("document_intelligence", **values)
    (document,) = await extract("document_intelligence", "a.txt", "text/plain", content=b"here", **values)
    assert document.text == "here"


async def test_mistral(extract: Extract, engine: EngineServer) -> None:
    values = {"mistral_ocr_api_base_url": engine.url + "/v1", "mistral_ocr_api_key": "secret"}
    engine.answers |= {
        "POST /v1/files": [web.Response(status=503), {"id": "f1"}],
        "GET /v1/files/f1/url?expiry=1": {"url": "http://signed"},
        "POST /v1/ocr": {"pages": [{"index": 0, "markdown": " one "}, {"index": 1, "markdown": " "}]},
        "DELETE /v1/files/f1": {},
    }
    (document,) = await extract("mistral_ocr", **values)
    assert document.text == "one"
    assert document.metadata == {
        "page": 0,
        "page_label": 1,
        "total_pages": 2,
        "file_name": "0f-id_a.pdf",
        "file_size": len(CONTENT),
        "processing_engine": "mistral-ocr",
        "content_length": 3,
    }
    assert [request[0].split()[0] for request in engine.requests] == ["POST", "POST", "GET", "POST", "DELETE"]
    assert _parse_form(engine.requests[1][2], engine.headers(1)) == [
        ("purpose", "", b"ocr"),
        ("file", "0f-id_a.pdf", CONTENT),
    ]
    engine.requests.clear()
    await extract("mistral_ocr", **values, mistral_ocr_use_base64=True)
    sent = json.loads(engine.requests[0][2])
    kind, _, data = sent["document"]["document_url"].partition(",")
    assert (kind, base64.b64decode(data)) == ("data:application/pdf;base64", CONTENT)
    engine.answers["POST /v1/ocr"] = {"pages": []}
    with pytest.raises(RetrievalError, match=messages.EMPTY_CONTENT):
        await extract("mistral_ocr", **values)
    assert engine.requests[-1][0] == "DELETE /v1/files/f1"
    engine.answers["POST /v1/files"] = web.Response(status=401, text="who are you")
    with pytest.raises(RetrievalError, match="Mistral OCR: Unauthorized - who are you"):
        await extract("mistral_ocr", **values)


async def test_datalab_marker(extract: Extract, engine: EngineServer) -> None:
    values = {"datalab_marker_api_key": "secret", "datalab_marker_api_base_url": engine.url + "/marker"}
    engine.answers["POST /marker"] = {"success": True, "request_id": "r1", "request_check_url": engine.url + "/r1"}
    completed = {
        "status": "complete",
        "success": True,
        "markdown": "# read\n",
        "page_count": 2,
        "images": {"i.png": "x"},
    }
    engine.answers["GET /r1"] = [{"status": "processing"}, completed]
    (document,) = await extract("datalab_marker", **values, datalab_marker_use_llm=True)
    assert document == Document(
        "# read",
        {
            "source": "0f-id_a.pdf",
            "output_format": "markdown",
            "page_count": 2,
            "processed_with_llm": True,
            "request_id": "r1",
            "image_count": 1,
            "images": '["i.png"]',
        },
    )
    form = _parse_form(engine.requests[0][2], engine.headers())
    assert form[0] == ("use_llm", "", b"true")
    assert form[-1] == ("file", "0f-id_a.pdf", CONTENT)
    engine.answers["POST /marker"] = {"success": True, "output": "own"}
    assert (await extract("datalab_marker", **values))[0].text == "own"
    engine.answers["POST /marker"] = {"success": False, "error": "quota"}
    with pytest.raises(RetrievalError, match="Datalab Marker request failed: quota"):
        await extract("datalab_marker", **values)
    engine.answers["POST /marker"] = {"success": True, "request_check_url": engine.url + "/r1"}
    engine.answers["GET /r1"] = [{"status": "failed", "error": "blurred"}]
    with pytest.raises(RetrievalError, match="Marker processing failed: blurred"):
        await extract("datalab_marker", **values)


async def test_paddleocr_vl(extract: Extract, engine: EngineServer) -> None:
    values = {"paddleocr_vl_base_url": engine.url + "/", "paddleocr_vl_token": "secret"}
    pages = [{"markdown": {"text": " one "}}, {"markdown": {"text": ""}}]
    engine.answers["POST /layout-parsing"] = {"result": {"layoutParsingResults": pages}}
    (document,) = await extract("paddleocr_vl", "a.png", "image/png", **values)
    assert document.text == "one"
    assert document.metadata == {
        "page": 0,
        "page_label": 1,
        "total_pages": 2,
        "file_name": "0f-id_a.png",
        "processing_engine": "paddleocr-vl",
    }
    assert engine.headers()["authorization"] == "token secret"
    sent = json.loads(engine.requests[0][2])
    assert (base64.b64decode(sent.pop("file")), sent.pop("fileType")) == (CONTENT, 1)
    assert list(sent.values()) == [False] * 3
    engine.answers["POST /layout-parsing"] = web.Response(status=500, text="oh")
    with pytest.raises(RetrievalError, match="PaddleOCR-VL: Internal Server Error - oh"):
        await extract("paddleocr_vl", **values)


async def test_mineru_before_version_4(extract: Extract, engine: EngineServer) -> None:
    values: dict[str, Any] = {"mineru_api_url": engine.url, "mineru_params": {"enable_ocr": True, "page_ranges": "1-2"}}
    engine.answers["POST /file_parse"] = {"results": {"a": {"md_content": "# read"}}, "backend": "b", "version": "3"}
    (document,) = await extract("mineru", **values)
    metadata = {"source": "0f-id_a.pdf", "api_mode": "local", "backend": "b", "version": "3"}
    assert document == Document("# read", metadata)
    assert _parse_form(engine.requests[1][2], engine.headers(1)) == [
        ("enable_ocr", "", b"True"),
        ("return_md", "", b"true"),
        ("files", "0f-id_a.pdf", CONTENT),
    ]
    engine.answers["POST /file_parse"] = {"results": {}}
    with pytest.raises(RetrievalError, match="MinerU returned empty results"):
        await extract("mineru", **values)


async def test_mineru_version_4(extract: Extract, engine: EngineServer) -> None:
    values: dict[str, Any] = {
        "mineru_api_url": engine.url,
        "mineru_api_key": "secret",
        "mineru_params": {"page_ranges": "1-2", "tier": "standard"},
    }
    completed = {
        "job_id": "j1",
        "status": "completed",
        "tier": "standard",
        "files": [{"output_files": {"markdown": {"file_id": "m1"}}, "parse": {"parser_version": "4.0"}}],
    }
    engine.answers |= {
        "GET /v1/health": {},
        "POST /v1/uploads": {"id": "up1"},
        "PUT /v1/uploads/up1/content": {},
        "POST /v1/uploads/up1/complete": {"file": {"id": "f1"}},
        "POST /v1/parse/jobs": {"job_id": "j1", "status": "queued", "tier": "standard", "files": [{}]},
        "GET /v1/parse/jobs/j1": [{"job_id": "j1", "status": "running"}, completed],
        "GET /v1/files/m1/content": b"# read ![pic](data:image/png;base64,AAAA) <img src='x'>.",
    }
    (document,) = await extract("mineru", **values)
    metadata = {"source": "0f-id_a.pdf", "api_mode": "local", "tier": "standard", "version": "4.0"}
    assert document == Document("# read pic .", metadata)
    requests_by_operation = {request[0]: request for request in engine.requests}
    assert requests_by_operation["PUT /v1/uploads/up1/content"][2] == CONTENT
    assert requests_by_operation["PUT /v1/uploads/up1/content"][1]["Authorization"] == "Bearer secret"
    assert json.loads(requests_by_operation["POST /v1/parse/jobs"][2]) == {
        "files": [{"source": {"type": "file_id", "file_id": "f1"}, "page_range": "1-2"}],
        "tier": "standard",
        "ocr_mode": "auto",
    }
    failed = {"job_id": "j1", "status": "failed", "files": [{"error": {"message": "blurred"}}]}
    engine.answers["GET /v1/parse/jobs/j1"] = [failed]
    with pytest.raises(RetrievalError, match="MinerU processing failed: blurred"):
        await extract("mineru", **values)


async def test_mineru_in_the_cloud(extract: Extract, engine: EngineServer, tmp_path: Path) -> None:
    values: dict[str, Any] = {"mineru_api_url": engine.url, "mineru_api_mode": "cloud", "mineru_api_key": "secret"}
    archive_bytes = io.BytesIO()
    with zipfile.ZipFile(archive_bytes, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images/a.png", b"x")
        archive.writestr("full.md", "# read")
    result = {"file_name": "0f-id_a.pdf", "state": "done", "full_zip_url": engine.url + "/zip"}
    engine.answers |= {
        "POST /file-urls/batch": {"code": 0, "data": {"batch_id": "b1", "file_urls": [engine.url + "/put?sig=1"]}},
        "PUT /put?sig=1": {},
        "GET /extract-results/batch/b1": [
            {"code": 0, "data": {"extract_result": [{"file_name": "0f-id_a.pdf", "state": "running"}]}},
            {"code": 0, "data": {"extract_result": [result]}},
        ],
        "GET /zip": archive_bytes.getvalue(),
    }
    (document,) = await extract("mineru", **values)
    assert document == Document("# read", {"source": "0f-id_a.pdf", "api_mode": "cloud", "batch_id": "b1"})
    assert json.loads(engine.requests[0][2]) == {"files": [{"name": "0f-id_a.pdf", "is_ocr": False}]}
    upload = next(request for request in engine.requests if request[0].startswith("PUT"))
    assert upload[2] == CONTENT and not {"Content-Type", "Authorization"} & set(upload[1])
    with pytest.raises(RetrievalError, match="too large: full"):
        settings = Settings(data_dir=str(tmp_path), mineru_max_markdown_bytes=3)
        await extract("mineru", **values, settings=settings)
    engine.answers["POST /file-urls/batch"] = {"code": -1, "msg": "no quota"}
    with pytest.raises(RetrievalError, match="MinerU Cloud API error: no quota"):
        await extract("mineru", **values)


@pytest.mark.parametrize("engine_name", sorted(ENGINES))
async def test_without_an_address_of_the_engine_files_are_read_locally(
    extract: Extract, engine: EngineServer, engine_name: str
) -> None:
    values = {"tika_server_url": "", "docling_server_url": "", "mineru_file_extensions": ["pdf"]}
    (document,) = await extract(engine_name, "a.md", "text/markdown", content=b"# here", **values)
    assert document.text == "# here"


async def test_archives_that_unpack_too_large_are_not_sent_to_an_engine(extract: Extract, engine: EngineServer) -> None:
    archive_bytes = io.BytesIO()
    with zipfile.ZipFile(archive_bytes, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(30_000_000))
    with pytest.raises(RetrievalError, match=TOO_LARGE):
        await extract("tika", "a.docx", "", content=archive_bytes.getvalue(), tika_server_url=engine.url)
    assert engine.requests == []


@pytest.mark.parametrize("engine_name", ["tika", "docling", "mistral_ocr", "paddleocr_vl", "mineru", "datalab_marker"])
async def test_an_unreachable_engine_is_an_error_with_a_message(extract: Extract, engine_name: str) -> None:
    unreachable = "http://127.0.0.1:9"
    values = {
        "tika_server_url": unreachable,
        "docling_server_url": unreachable,
        "mistral_ocr_api_base_url": unreachable,
        "mistral_ocr_api_key": "k",
        "paddleocr_vl_base_url": unreachable,
        "paddleocr_vl_token": "k",
        "mineru_api_url": unreachable,
        "datalab_marker_api_key": "k",
        "datalab_marker_api_base_url": unreachable,
    }
    with pytest.raises(RetrievalError, match="Cannot connect"):
        await extract(engine_name, **values)
