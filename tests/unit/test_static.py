"""Files of the page, asked for as a browser asks."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

import brotli
import httpx
import pytest

from fastback.frontend import file_entries, negotiation, static
from fastback.frontend.setup import find_directories
from fastback.frontend.static import StaticFiles, build_static_files
from fastback.settings import Environment, load_settings

CHUNK = b"export const greeting = 'hello';\n" * 20_000  # 640 kB: streamed
STYLE = b"body { color: black }\n" * 100


def put(path: Path, content: bytes, *, twins: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if twins:
        Path(f"{path}.br").write_bytes(brotli.compress(content))
        Path(f"{path}.gz").write_bytes(gzip.compress(content))
    return path


@pytest.fixture
def build(tmp_path: Path) -> Path:
    root = tmp_path / "frontend"
    put(root / "index.html", b"<!doctype html><title>Page</title>")
    put(root / "_app/immutable/chunks/a1b2.js", CHUNK, twins=True)
    put(root / "_app/version.json", b'{"version": "1"}')
    put(root / "pyodide/pyodide.mjs", b"export {}")
    put(root / "archive.tar.gz", b"packed by somebody")
    put(root / "wasm/engine.wasm", b"\0asm")
    put(root / "static/favicon.png", b"the page's")
    put(root / "static/custom.css", STYLE, twins=True)
    return root


@pytest.fixture
def more(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    put(root / "favicon.png", b"the package's")
    put(root / "swagger-ui/swagger-ui.css", b"a {}")
    return root


def browser(app: StaticFiles) -> httpx.AsyncClient:
    """A client that accepts no encoding unless told."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://page", headers={"accept-encoding": "identity"}
    )


@pytest.fixture
async def page(build: Path, more: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(build_static_files(build, [build / "static", more])) as client:
        yield client


class TestTable:
    async def test_types_are_what_a_browser_needs(self, page: httpx.AsyncClient) -> None:
        for path, kind in {
            "/": "text/html; charset=utf-8",
            "/_app/immutable/chunks/a1b2.js": "text/javascript; charset=utf-8",
            "/pyodide/pyodide.mjs": "text/javascript; charset=utf-8",
            "/_app/version.json": "application/json",
            "/wasm/engine.wasm": "application/wasm",
            "/static/favicon.png": "image/png",
            "/static/custom.css": "text/css; charset=utf-8",
        }.items():
            assert (await page.get(path)).headers["content-type"] == kind, path

    async def test_static_is_a_union_and_the_first_directory_wins(self, page: httpx.AsyncClient) -> None:
        assert (await page.get("/static/favicon.png")).content == b"the page's"
        assert (await page.get("/static/swagger-ui/swagger-ui.css")).content == b"a {}"

    async def test_twins_are_no_files_but_archives_are(self, page: httpx.AsyncClient) -> None:
        assert (await page.get("/_app/immutable/chunks/a1b2.js.br")).status_code == 404
        assert (await page.get("/archive.tar.gz")).content == b"packed by somebody"

    async def test_a_dangling_link_does_not_keep_the_server_from_starting(self, build: Path) -> None:
        (build / "gone.png").symlink_to(build / "nowhere")
        (build / "circle").symlink_to(build)
        (build / "linked.html").symlink_to(build / "index.html")
        table = file_entries.scan_files(build)
        assert "/gone.png" not in table and "/linked.html" in table
        assert not any(url.startswith("/circle") for url in table)

    async def test_an_old_twin_of_an_edited_file_is_not_served(self, build: Path) -> None:
        style = build / "static/custom.css"
        later = style.stat().st_mtime + 3600
        style.write_bytes(b"edited")
        os.utime(style, (later, later))
        async with browser(build_static_files(build, [])) as page:
            answer = await page.get("/static/custom.css", headers={"accept-encoding": "br"})
        assert answer.content == b"edited" and "content-encoding" not in answer.headers

    def test_a_path_on_the_disk(self, build: Path) -> None:
        app = build_static_files(build, [])
        assert app.find_path("/index.html") == str(build / "index.html")
        assert app.find_path("/nothing") is None


class TestPages:
    async def test_an_unknown_path_is_the_page(self, page: httpx.AsyncClient) -> None:
        for path in ("/", "/c/12-34", "/auth", "/index.html"):
            answer = await page.get(path)
            assert answer.status_code == 200 and b"Page" in answer.content, path
            assert answer.headers["cache-control"] == "no-cache"

    @pytest.mark.parametrize(
        "path",
        ["/old.js", "/_app/immutable/chunks/gone.css", "/_app/gone", "/static/no.png", "/api/no", "/pyodide/x.whl"],
    )
    async def test_a_missing_file_is_missing(self, page: httpx.AsyncClient, path: str) -> None:
        answer = await page.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
        assert (await page.head(path)).content == b""

    async def test_no_path_leads_out(self, page: httpx.AsyncClient, build: Path) -> None:
        put(build.parent / "secret.txt", b"secret")
        for path in ("/../secret.txt", "/static/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"):
            assert b"secret" not in (await page.get(path)).content
        assert b"secret" not in (await page.get(f"/{build.parent}/secret.txt")).content

    async def test_only_reading_is_allowed(self, page: httpx.AsyncClient) -> None:
        answer = await page.post("/anything")
        assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
        assert answer.headers["allow"] == "GET, HEAD"

    async def test_without_a_frontend_the_start_page_says_what_to_do(self) -> None:
        async with browser(build_static_files(None, [])) as page:
            answer = await page.get("/")
            assert answer.status_code == 200 and "fastback frontend" in answer.text
            assert (await page.get("/c/1")).status_code == 404
            assert (await page.head("/")).content == b""


class TestCaching:
    async def test_hashed_files_last_for_ever_and_others_are_asked_for_again(self, page: httpx.AsyncClient) -> None:
        chunk = await page.get("/_app/immutable/chunks/a1b2.js")
        assert chunk.headers["cache-control"] == "public, max-age=31536000, immutable"
        for path in ("/", "/_app/version.json", "/static/favicon.png"):
            assert (await page.get(path)).headers["cache-control"] == "no-cache"

    async def test_an_unchanged_file_is_not_sent_again(self, page: httpx.AsyncClient) -> None:
        first = await page.get("/static/custom.css")
        tag, date = first.headers["etag"], first.headers["last-modified"]
        for known in (
            {"if-none-match": tag},
            {"if-none-match": f'"other", W/{tag}'},
            {"if-none-match": "*"},
            {"if-modified-since": date},
        ):
            again = await page.get("/static/custom.css", headers=known)
            assert (again.status_code, again.content) == (304, b""), known
            assert again.headers["etag"] == tag and again.headers["vary"] == "Accept-Encoding"
        for unknown in (
            {"if-none-match": '"other"'},
            {"if-none-match": '"other"', "if-modified-since": date},
            {"if-modified-since": formatdate(0, usegmt=True)},
            {"if-modified-since": "yesterday"},
        ):
            assert (await page.get("/static/custom.css", headers=unknown)).status_code == 200, unknown

    async def test_an_edited_file_is_seen_and_a_removed_one_is_missing(
        self, page: httpx.AsyncClient, build: Path
    ) -> None:
        first = await page.get("/static/custom.css", headers={"accept-encoding": "br"})
        assert first.content == STYLE
        put(build / "static/custom.css", b"body { color: red }")
        again = await page.get("/static/custom.css", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (200, b"body { color: red }")
        (build / "static/custom.css").unlink()
        assert (await page.get("/static/custom.css")).status_code == 404

    async def test_hashed_files_that_vanish_or_shrink_break_no_answer(
        self, page: httpx.AsyncClient, build: Path
    ) -> None:
        path = build / "_app/immutable/chunks/a1b2.js"
        Path(f"{path}.br").write_bytes(brotli.compress(CHUNK, quality=1))  # fetched again by another release
        answer = await page.get("/_app/immutable/chunks/a1b2.js", headers={"accept-encoding": "br"})
        assert answer.content == CHUNK
        path.unlink()
        assert (await page.get("/_app/immutable/chunks/a1b2.js")).status_code == 404

    async def test_memory_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(static, "_CACHE_BYTES", 10_000)
        root = tmp_path / "many"
        for number in range(10):
            put(root / f"{number}.txt", bytes([number]) * 3000)
        app = build_static_files(root, [])
        async with browser(app) as page:
            for number in (*range(10), 9, 0):
                assert (await page.get(f"/{number}.txt")).content == bytes([number]) * 3000
        assert app._cache_size == sum(map(len, app._cache.values())) == 9000
        assert [Path(path).name for path in app._cache] == ["8.txt", "9.txt", "0.txt"]


class TestEncodings:
    @pytest.mark.parametrize(
        ("accepted", "encoding"),
        [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip;q=1.0, br;q=0", "gzip"),
            ("GZIP", "gzip"),
            ("*", "br"),
            ("br;q=0, *;q=0.5", "gzip"),
            ("br;q=nonsense", None),
            ("vibrant", None),
            ("identity", None),
        ],
    )
    async def test_the_best_that_is_accepted(
        self, page: httpx.AsyncClient, accepted: str, encoding: str | None
    ) -> None:
        answer = await page.get("/_app/immutable/chunks/a1b2.js", headers={"accept-encoding": accepted})
        assert answer.headers.get("content-encoding") == encoding
        assert answer.content == CHUNK
        assert answer.headers["vary"] == "Accept-Encoding"

    async def test_each_encoding_has_a_tag_of_its_own(self, page: httpx.AsyncClient) -> None:
        tags = {}
        for accepted in ("br", "gzip", "identity"):
            answer = await page.get("/static/custom.css", headers={"accept-encoding": accepted})
            tags[accepted] = answer.headers["etag"]
        assert len(set(tags.values())) == 3
        again = await page.get("/static/custom.css", headers={"accept-encoding": "gzip", "if-none-match": tags["br"]})
        assert again.status_code == 200

    async def test_what_has_no_twin_varies_with_nothing(self, page: httpx.AsyncClient) -> None:
        answer = await page.get("/static/favicon.png", headers={"accept-encoding": "br"})
        assert "vary" not in answer.headers and "content-encoding" not in answer.headers

    async def test_a_head_tells_the_size_and_sends_nothing(self, page: httpx.AsyncClient, build: Path) -> None:
        answer = await page.head("/_app/immutable/chunks/a1b2.js", headers={"accept-encoding": "br"})
        assert answer.status_code == 200 and answer.content == b""
        packed = build / "_app/immutable/chunks/a1b2.js.br"
        assert answer.headers["content-length"] == str(packed.stat().st_size)

    async def test_python_in_the_browser_may_load_from_a_frame(self, page: httpx.AsyncClient) -> None:
        answer = await page.get("/pyodide/pyodide.mjs")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in (await page.get("/")).headers


class TestParts:
    CHUNK_PATH = "/_app/immutable/chunks/a1b2.js"

    @pytest.mark.parametrize(
        ("wanted", "start", "end"),
        [
            ("bytes=0-99", 0, 100),
            ("bytes=100-", 100, len(CHUNK)),
            ("bytes=-50", len(CHUNK) - 50, len(CHUNK)),
            (f"bytes=10-{len(CHUNK) * 2}", 10, len(CHUNK)),
            (f"bytes=-{len(CHUNK) * 2}", 0, len(CHUNK)),
            ("bytes=200000-500000", 200_000, 500_001),
        ],
    )
    async def test_a_part_is_sent_as_it_is(self, page: httpx.AsyncClient, wanted: str, start: int, end: int) -> None:
        answer = await page.get(self.CHUNK_PATH, headers={"range": wanted, "accept-encoding": "br"})
        assert answer.status_code == 206 and answer.content == CHUNK[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CHUNK)}"
        assert answer.headers["content-length"] == str(end - start)
        assert "content-encoding" not in answer.headers

    @pytest.mark.parametrize("wanted", [f"bytes={len(CHUNK)}-", "bytes=-0"])
    async def test_a_part_behind_the_end(self, page: httpx.AsyncClient, wanted: str) -> None:
        answer = await page.get(self.CHUNK_PATH, headers={"range": wanted})
        assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{len(CHUNK)}"

    @pytest.mark.parametrize(
        "wanted", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=x-y", f"bytes={'9' * 5000}-"]
    )
    async def test_what_is_no_range_gets_the_whole(self, page: httpx.AsyncClient, wanted: str) -> None:
        answer = await page.get(self.CHUNK_PATH, headers={"range": wanted})
        assert answer.status_code == 200 and answer.content == CHUNK

    async def test_a_part_of_another_content_gets_the_whole(self, page: httpx.AsyncClient) -> None:
        first = await page.get(self.CHUNK_PATH)
        for known in (first.headers["etag"], first.headers["last-modified"]):
            answer = await page.get(self.CHUNK_PATH, headers={"range": "bytes=0-9", "if-range": known})
            assert answer.status_code == 206
        answer = await page.get(self.CHUNK_PATH, headers={"range": "bytes=0-9", "if-range": '"other"'})
        assert answer.status_code == 200

    def test_a_part_of_nothing(self) -> None:
        with pytest.raises(negotiation.Unsatisfiable):
            negotiation.parse_range({b"range": b"bytes=0-"}, '"t"', 0, 0)


def test_directories_of_the_settings(tmp_path: Path, build: Path) -> None:
    """A directory of the operator's wins over the build's, and that over the fetched one."""

    def of(**given: str) -> tuple[Path | None, list[Path]]:
        return find_directories(load_settings(Environment({"FASTBACK_CACHE_DIR": str(tmp_path / "cache"), **given})))

    fetched = tmp_path / "cache" / "frontend-0.12.4"
    assert of() == (None, [fetched / "static"])
    put(fetched / "frontend/index.html", b"fetched")
    assert of() == (fetched / "frontend", [fetched / "frontend/static", fetched / "static"])
    chosen, folders = of(FRONTEND_BUILD_DIR=str(build), STATIC_DIR=str(tmp_path / "mine"))
    assert chosen == build
    assert folders == [tmp_path / "mine", build / "static", fetched / "static"]
    assert of(FRONTEND_BUILD_DIR=str(tmp_path / "nothing"))[0] is None
