"""Fetching the frontend: a small wheel of the test's own, offered to pip as a directory of files."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
import zipfile
from pathlib import Path

import brotli
import pytest

from fastback.frontend import fetch
from fastback.kit import package_download

VERSION = "9.9.1"
SCRIPT = "export const words = 'so that there is something to compress';\n" * 100

FILES = {
    "open_webui/frontend/index.html": "<!doctype html><title>Chat</title>",
    "open_webui/frontend/_app/immutable/entry.js": SCRIPT,
    "open_webui/frontend/_app/immutable/entry.js.map": SCRIPT,
    "open_webui/frontend/pyodide/numpy.whl": "x" * 5000,
    "open_webui/static/favicon.png": "picture" * 500,
    "open_webui/CHANGELOG.md": "# Changelog\n",
    "open_webui/main.py": "raise SystemExit('the backend is not wanted')\n",
}


def wheel(folder: Path, files: dict[str, str] = FILES, version: str = VERSION) -> Path:
    """A wheel that pip takes for open-webui."""
    info = f"open_webui-{version}.dist-info"
    path = folder / f"open_webui-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: open-webui\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that pip looks into, and nowhere else."""
    path = tmp_path / "shelf"
    path.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def left_behind(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def test_it_unpacks_what_the_page_needs_and_compresses_it(shelf: Path, cache: Path) -> None:
    wheel(shelf)
    told: list[tuple[str, int, int]] = []
    path = fetch.ensure_frontend(VERSION, cache=cache, report=lambda *step: told.append(step))

    assert path == cache / f"frontend-{VERSION}" and fetch.is_complete(path)
    assert left_behind(cache) == [path.name]
    assert (path / "frontend/index.html").read_text() == FILES["open_webui/frontend/index.html"]
    assert (path / "static/favicon.png").is_file() and (path / "CHANGELOG.md").is_file()
    assert not (path / "main.py").exists()

    script = path / "frontend/_app/immutable/entry.js"
    for packed in (script, script.with_name("entry.js.map")):
        assert brotli.decompress(Path(f"{packed}.br").read_bytes()).decode() == SCRIPT
        assert gzip.decompress(Path(f"{packed}.gz").read_bytes()).decode() == SCRIPT
    assert not Path(f"{path}/frontend/index.html.br").exists(), "too small to gain anything"
    assert not Path(f"{path}/frontend/pyodide/numpy.whl.br").exists(), "compressed already"
    assert ("unpacking", 6, 6) in told and ("compressing", 2, 2) in told


def test_what_is_there_is_not_fetched_again_unless_asked(shelf: Path, cache: Path) -> None:
    path = fetch.ensure_frontend(VERSION, cache=cache) if wheel(shelf) else cache
    mark = path / "mark"
    mark.touch()
    wheel(shelf).unlink()
    assert fetch.ensure_frontend(VERSION, cache=cache) == path, "no wheel is needed for it"

    wheel(shelf)
    fetch.ensure_frontend(VERSION, cache=cache, force=True)
    assert not mark.exists() and left_behind(cache) == [path.name]


def test_half_a_frontend_is_replaced(shelf: Path, cache: Path) -> None:
    wheel(shelf)
    half = fetch.get_location(VERSION, cache)
    (half / "frontend").mkdir(parents=True)
    (half / "frontend/index.html").write_text("half")
    assert "Chat" in (fetch.ensure_frontend(VERSION, cache=cache) / "frontend/index.html").read_text()


def test_two_at_once_do_no_harm(shelf: Path, cache: Path) -> None:
    wheel(shelf)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            fetch.ensure_frontend(VERSION, cache=cache)
        except BaseException as error:
            failed.append(error)

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert not failed
    assert fetch.is_complete(fetch.get_location(VERSION, cache))
    assert left_behind(cache) == [f"frontend-{VERSION}"]


def test_the_faster_of_two_keeps_its_place(tmp_path: Path) -> None:
    target, made = tmp_path / "frontend-1", tmp_path / "made"
    for path, text in ((target, "first"), (made, "second")):
        path.mkdir()
        (path / "complete").write_text(text)
    package_download._move_into_place(made, target, tmp_path / "old", force=False)
    assert (target / "complete").read_text() == "first"


def test_old_leavings_of_a_killed_process_go_and_young_ones_stay(shelf: Path, cache: Path) -> None:
    wheel(shelf)
    for name, age in (("old", 2 * 86_400), ("young", 60)):
        left = cache / f".fetching-{name}"
        left.mkdir(parents=True)
        when = left.stat().st_mtime - age
        os.utime(left, (when, when))
    fetch.ensure_frontend(VERSION, cache=cache)
    assert left_behind(cache) == [".fetching-young", f"frontend-{VERSION}"]


class TestFailures:
    """Each is one line, and leaves nothing."""

    def fails(self, cache: Path, version: str = VERSION) -> str:
        with pytest.raises(fetch.FetchError) as caught:
            fetch.ensure_frontend(version, cache=cache)
        text = str(caught.value)
        assert "\n" not in text
        assert left_behind(cache) == []
        return text

    def test_pip_finds_nothing(self, shelf: Path, cache: Path) -> None:
        assert "No matching distribution found for open-webui==9.9.1" in self.fails(cache)

    def test_another_package_than_the_known_one(
        self, shelf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = hashlib.sha256(wheel(shelf).read_bytes()).hexdigest()
        monkeypatch.setitem(fetch.HASHES, VERSION, "0" * 64)
        assert found in self.fails(cache)
        monkeypatch.setitem(fetch.HASHES, VERSION, found)
        fetch.ensure_frontend(VERSION, cache=cache)

    def test_a_package_without_a_frontend(self, shelf: Path, cache: Path) -> None:
        wheel(shelf, {"open_webui/main.py": "pass"})
        assert self.fails(cache) == "the package holds no built frontend"

    def test_a_path_that_leads_out(self, shelf: Path, cache: Path) -> None:
        wheel(shelf, {**FILES, "open_webui/frontend/../../../../escaped.txt": "out"})
        assert "leads out" in self.fails(cache)
        assert not list(cache.parent.rglob("escaped.txt"))

    def test_a_broken_package(self, shelf: Path, cache: Path) -> None:
        """pip itself may notice, or we do: damage in the middle leaves the list of the files whole."""
        path = wheel(shelf)
        content = bytearray(path.read_bytes())
        middle = content.index(b"open_webui/frontend/_app/immutable/entry.js") + 60
        content[middle : middle + 8] = b"\xff" * 8
        path.write_bytes(content)
        assert self.fails(cache) == "the package is broken"

    def test_no_version(self, cache: Path) -> None:
        assert self.fails(cache, "../0.12.4") == "'../0.12.4' is no version"

    def test_the_disk_is_full(self, shelf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        wheel(shelf)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(fetch, "_compress_files", full)
        assert self.fails(cache) == f"cannot keep the frontend in {cache}: No space left on device"

    def test_the_cache_is_a_file(self, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        cache.write_text("not a directory")
        with pytest.raises(fetch.FetchError, match="cannot keep the frontend in"):
            fetch.ensure_frontend(VERSION, cache=cache)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "no wheel came"),
        ("/usr/bin/python3: No module named pip", "pip is not installed beside this Python"),
        ("ERROR: first\nERROR: second\n", "second"),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)'\nERROR: nothing\n",
            "nothing (the package index could not be reached)",
        ),
    ],
)
def test_the_reason_is_the_line_that_says_most(said: str, reason: str) -> None:
    assert package_download._summarize_failure(said) == reason


def test_the_cache_is_where_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("FASTBACK_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert fetch.get_cache_directory() == Path("/home/ada/.cache/fastback")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert fetch.get_cache_directory() == Path("/var/cache/fastback")
    monkeypatch.setenv("FASTBACK_CACHE_DIR", "/srv/frontend")
    assert fetch.get_location("1.0") == Path("/srv/frontend/frontend-1.0")
