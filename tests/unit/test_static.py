"""The static files of the page, requested like a browser does."""

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

SCRIPT = b"export const greeting = 'hello';\n" * 20_000  # 640 kB: streamed
STYLE = b"body { color: black }\n" * 100


def write_file(path: Path, content: bytes, *, twins: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if twins:
        Path(f"{path}.br").write_bytes(brotli.compress(content))
        Path(f"{path}.gz").write_bytes(gzip.compress(content))
    return path


@pytest.fixture
def build_directory(tmp_path: Path) -> Path:
    root = tmp_path / "frontend"
    write_file(root / "index.html", b"<!doctype html><title>Page</title>")
    write_file(root / "_app/immutable/chunks/a1b2.js", SCRIPT, twins=True)
    write_file(root / "_app/version.json", b'{"version": "1"}')
    write_file(root / "pyodide/pyodide.mjs", b"export {}")
    write_file(root / "archive.tar.gz", b"packed by somebody")
    write_file(root / "wasm/engine.wasm", b"\0asm")
    write_file(root / "static/favicon.png", b"the page's")
    write_file(root / "static/custom.css", STYLE, twins=True)
    return root


@pytest.fixture
def package_directory(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    write_file(root / "favicon.png", b"the package's")
    write_file(root / "swagger-ui/swagger-ui.css", b"a {}")
    return root


def open_browser(app: StaticFiles) -> httpx.AsyncClient:
    """Return a client that by default accepts no compression."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://page", headers={"accept-encoding": "identity"}
    )


@pytest.fixture
async def page(build_directory: Path, package_directory: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with open_browser(
        build_static_files(build_directory, [build_directory / "static", package_directory])
    ) as client:
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

    async def test_compressed_copies_are_not_served_but_archives_are(self, page: httpx.AsyncClient) -> None:
        assert (await page.get("/_app/immutable/chunks/a1b2.js.br")).status_code == 404
        assert (await page.get("/archive.tar.gz")).content == b"packed by somebody"

    async def test_links_and_odd_paths_are_files_or_missing(self, build_directory: Path) -> None:
        (build_directory / "gone.png").symlink_to(build_directory / "nowhere")
        (build_directory / "linked.html").symlink_to(build_directory / "index.html")
        table = file_entries.FileTable([("", build_directory)])
        assert table.find_entry("/linked.html") is not None
        for url in (
            "/gone.png",
            "/static",
            "/static/",
            "",
            "/",
            "/a\0b",
            "/" + "x" * 5000,
            "//index.html",
            "/.",
            "/\\x",
        ):
            assert table.find_entry(url) is None, url

    async def test_the_table_remembers_a_bounded_number_of_files(
        self, build_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_entries, "_MAX_ENTRIES", 3)
        table = file_entries.FileTable([("", build_directory)])
        for number in range(10):
            write_file(build_directory / f"{number}.txt", b"text")
            assert table.find_entry(f"/{number}.txt") is not None
        assert len(table._entries) <= 3

    async def test_an_outdated_compressed_copy_is_not_served(self, build_directory: Path) -> None:
        style = build_directory / "static/custom.css"
        later = style.stat().st_mtime + 3600
        style.write_bytes(b"edited")
        os.utime(style, (later, later))
        async with open_browser(build_static_files(build_directory, [])) as page:
            answer = await page.get("/static/custom.css", headers={"accept-encoding": "br"})
        assert answer.content == b"edited" and "content-encoding" not in answer.headers

    def test_a_path_on_the_disk(self, build_directory: Path) -> None:
        app = build_static_files(build_directory, [])
        assert app.find_path("/index.html") == str(build_directory / "index.html")
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

    async def test_no_path_leads_out_of_the_directory(self, page: httpx.AsyncClient, build_directory: Path) -> None:
        write_file(build_directory.parent / "secret.txt", b"secret")
        for path in ("/../secret.txt", "/static/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"):
            assert b"secret" not in (await page.get(path)).content
        assert b"secret" not in (await page.get(f"/{build_directory.parent}/secret.txt")).content

    async def test_only_reading_is_allowed(self, page: httpx.AsyncClient) -> None:
        answer = await page.post("/anything")
        assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
        assert answer.headers["allow"] == "GET, HEAD"

    async def test_without_a_frontend_the_start_page_says_what_to_do(self) -> None:
        async with open_browser(build_static_files(None, [])) as page:
            answer = await page.get("/")
            assert answer.status_code == 200 and "fastback frontend" in answer.text
            assert (await page.get("/c/1")).status_code == 404
            assert (await page.head("/")).content == b""


class TestCaching:
    async def test_hashed_files_are_cached_for_ever_and_others_are_revalidated(self, page: httpx.AsyncClient) -> None:
        chunk = await page.get("/_app/immutable/chunks/a1b2.js")
        assert chunk.headers["cache-control"] == "public, max-age=31536000, immutable"
        for path in ("/", "/_app/version.json"):
            assert (await page.get(path)).headers["cache-control"] == "no-cache"
        customization = (await page.get("/static/custom.css")).headers["cache-control"]
        assert customization == "public, max-age=60, stale-while-revalidate=86400"
        picture = await page.get("/static/favicon.png")
        assert picture.headers["cache-control"] == "public, max-age=3600" and picture.headers["etag"]

    async def test_an_unchanged_file_is_not_sent_again(self, page: httpx.AsyncClient) -> None:
        first = await page.get("/static/custom.css")
        tag, date = first.headers["etag"], first.headers["last-modified"]
        for matching in (
            {"if-none-match": tag},
            {"if-none-match": f'"other", W/{tag}'},
            {"if-none-match": "*"},
            {"if-modified-since": date},
        ):
            repeated = await page.get("/static/custom.css", headers=matching)
            assert (repeated.status_code, repeated.content) == (304, b""), matching
            assert repeated.headers["etag"] == tag and repeated.headers["vary"] == "Accept-Encoding"
        for other in (
            {"if-none-match": '"other"'},
            {"if-none-match": '"other"', "if-modified-since": date},
            {"if-modified-since": formatdate(0, usegmt=True)},
            {"if-modified-since": "yesterday"},
        ):
            assert (await page.get("/static/custom.css", headers=other)).status_code == 200, other

    async def test_an_edited_file_is_seen_and_a_removed_one_is_missing(
        self, page: httpx.AsyncClient, build_directory: Path
    ) -> None:
        first = await page.get("/static/custom.css", headers={"accept-encoding": "br"})
        assert first.content == STYLE
        write_file(build_directory / "static/custom.css", b"body { color: red }")
        edited = await page.get("/static/custom.css", headers={"if-none-match": first.headers["etag"]})
        assert (edited.status_code, edited.content) == (200, b"body { color: red }")
        (build_directory / "static/custom.css").unlink()
        assert (await page.get("/static/custom.css")).status_code == 404

    async def test_hashed_files_that_vanish_or_shrink_break_no_answer(
        self, page: httpx.AsyncClient, build_directory: Path
    ) -> None:
        path = build_directory / "_app/immutable/chunks/a1b2.js"
        Path(f"{path}.br").write_bytes(brotli.compress(SCRIPT, quality=1))  # fetched again by another release
        answer = await page.get("/_app/immutable/chunks/a1b2.js", headers={"accept-encoding": "br"})
        assert answer.content == SCRIPT
        path.unlink()
        assert (await page.get("/_app/immutable/chunks/a1b2.js")).status_code == 404

    async def test_memory_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(static, "_CACHE_BYTES", 10_000)
        root = tmp_path / "many"
        for number in range(10):
            write_file(root / f"{number}.txt", bytes([number]) * 3000)
        app = build_static_files(root, [])
        async with open_browser(app) as page:
            for number in (*range(10), 9, 0):
                assert (await page.get(f"/{number}.txt")).content == bytes([number]) * 3000
        assert app._cache_size == sum(len(content) for _, content in app._cache.values()) == 9000
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
    async def test_the_best_accepted_encoding_is_chosen(
        self, page: httpx.AsyncClient, accepted: str, encoding: str | None
    ) -> None:
        answer = await page.get("/_app/immutable/chunks/a1b2.js", headers={"accept-encoding": accepted})
        assert answer.headers.get("content-encoding") == encoding
        assert answer.content == SCRIPT
        assert answer.headers["vary"] == "Accept-Encoding"

    async def test_each_encoding_has_a_tag_of_its_own(self, page: httpx.AsyncClient) -> None:
        tags = {}
        for accepted in ("br", "gzip", "identity"):
            answer = await page.get("/static/custom.css", headers={"accept-encoding": accepted})
            tags[accepted] = answer.headers["etag"]
        assert len(set(tags.values())) == 3
        other_encoding = await page.get(
            "/static/custom.css", headers={"accept-encoding": "gzip", "if-none-match": tags["br"]}
        )
        assert other_encoding.status_code == 200

    async def test_a_file_without_compressed_copies_has_no_vary_header(self, page: httpx.AsyncClient) -> None:
        answer = await page.get("/static/favicon.png", headers={"accept-encoding": "br"})
        assert "vary" not in answer.headers and "content-encoding" not in answer.headers

    async def test_a_head_request_gives_the_size_without_content(
        self, page: httpx.AsyncClient, build_directory: Path
    ) -> None:
        answer = await page.head("/_app/immutable/chunks/a1b2.js", headers={"accept-encoding": "br"})
        assert answer.status_code == 200 and answer.content == b""
        packed = build_directory / "_app/immutable/chunks/a1b2.js.br"
        assert answer.headers["content-length"] == str(packed.stat().st_size)

    async def test_python_in_the_browser_may_load_from_a_frame(self, page: httpx.AsyncClient) -> None:
        answer = await page.get("/pyodide/pyodide.mjs")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in (await page.get("/")).headers


class TestParts:
    SCRIPT_PATH = "/_app/immutable/chunks/a1b2.js"

    @pytest.mark.parametrize(
        ("requested", "start", "end"),
        [
            ("bytes=0-99", 0, 100),
            ("bytes=100-", 100, len(SCRIPT)),
            ("bytes=-50", len(SCRIPT) - 50, len(SCRIPT)),
            (f"bytes=10-{len(SCRIPT) * 2}", 10, len(SCRIPT)),
            (f"bytes=-{len(SCRIPT) * 2}", 0, len(SCRIPT)),
            ("bytes=200000-500000", 200_000, 500_001),
        ],
    )
    async def test_a_range_is_sent_uncompressed(
        self, page: httpx.AsyncClient, requested: str, start: int, end: int
    ) -> None:
        answer = await page.get(self.SCRIPT_PATH, headers={"range": requested, "accept-encoding": "br"})
        assert answer.status_code == 206 and answer.content == SCRIPT[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(SCRIPT)}"
        assert answer.headers["content-length"] == str(end - start)
        assert "content-encoding" not in answer.headers

    @pytest.mark.parametrize("requested", [f"bytes={len(SCRIPT)}-", "bytes=-0"])
    async def test_a_range_behind_the_end(self, page: httpx.AsyncClient, requested: str) -> None:
        answer = await page.get(self.SCRIPT_PATH, headers={"range": requested})
        assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{len(SCRIPT)}"

    @pytest.mark.parametrize(
        "requested", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=x-y", f"bytes={'9' * 5000}-"]
    )
    async def test_an_invalid_range_gets_the_complete_file(self, page: httpx.AsyncClient, requested: str) -> None:
        answer = await page.get(self.SCRIPT_PATH, headers={"range": requested})
        assert answer.status_code == 200 and answer.content == SCRIPT

    async def test_a_range_of_a_changed_file_gets_the_complete_file(self, page: httpx.AsyncClient) -> None:
        first = await page.get(self.SCRIPT_PATH)
        for validator in (first.headers["etag"], first.headers["last-modified"]):
            answer = await page.get(self.SCRIPT_PATH, headers={"range": "bytes=0-9", "if-range": validator})
            assert answer.status_code == 206
        answer = await page.get(self.SCRIPT_PATH, headers={"range": "bytes=0-9", "if-range": '"other"'})
        assert answer.status_code == 200

    def test_a_range_of_an_empty_file(self) -> None:
        with pytest.raises(negotiation.Unsatisfiable):
            negotiation.parse_range({b"range": b"bytes=0-"}, '"t"', 0, 0)


def test_directories_of_the_settings(tmp_path: Path, build_directory: Path) -> None:
    """A directory of the operator has priority over that of the build, which has priority over the downloaded one."""

    def find(**variables: str) -> tuple[Path | None, list[Path]]:
        return find_directories(
            load_settings(Environment({"FASTBACK_CACHE_DIR": str(tmp_path / "cache"), **variables}))
        )

    fetched = tmp_path / "cache" / "frontend-0.12.4"
    assert find() == (None, [fetched / "static"])
    write_file(fetched / "frontend/index.html", b"fetched")
    assert find() == (fetched / "frontend", [fetched / "frontend/static", fetched / "static"])
    frontend, folders = find(FRONTEND_BUILD_DIR=str(build_directory), STATIC_DIR=str(tmp_path / "mine"))
    assert frontend == build_directory
    assert folders == [tmp_path / "mine", build_directory / "static", fetched / "static"]
    assert find(FRONTEND_BUILD_DIR=str(tmp_path / "nothing"))[0] is None
