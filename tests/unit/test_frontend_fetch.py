"""The download of the frontend, from a small generated wheel in a directory that pip reads."""

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


def build_wheel(folder: Path, files: dict[str, str] = FILES, version: str = VERSION) -> Path:
    """Write a wheel that pip accepts as open-webui. Return its path."""
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
def package_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only directory in which pip finds packages."""
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


def list_cache(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def test_the_files_of_the_page_are_unpacked_and_compressed(package_directory: Path, cache: Path) -> None:
    build_wheel(package_directory)
    steps: list[tuple[str, int, int]] = []
    path = fetch.ensure_frontend(VERSION, cache=cache, report=lambda *step: steps.append(step))

    assert path == cache / f"frontend-{VERSION}" and fetch.is_complete(path)
    assert list_cache(cache) == [path.name]
    assert (path / "frontend/index.html").read_text() == FILES["open_webui/frontend/index.html"]
    assert (path / "static/favicon.png").is_file() and (path / "CHANGELOG.md").is_file()
    assert not (path / "main.py").exists()

    script = path / "frontend/_app/immutable/entry.js"
    for packed in (script, script.with_name("entry.js.map")):
        assert brotli.decompress(Path(f"{packed}.br").read_bytes()).decode() == SCRIPT
        assert gzip.decompress(Path(f"{packed}.gz").read_bytes()).decode() == SCRIPT
    assert not Path(f"{path}/frontend/index.html.br").exists(), "too small to gain anything"
    assert not Path(f"{path}/frontend/pyodide/numpy.whl.br").exists(), "compressed already"
    assert ("unpacking", 6, 6) in steps and ("compressing", 2, 2) in steps


def test_an_existing_frontend_is_fetched_again_only_with_force(package_directory: Path, cache: Path) -> None:
    path = fetch.ensure_frontend(VERSION, cache=cache) if build_wheel(package_directory) else cache
    mark = path / "mark"
    mark.touch()
    build_wheel(package_directory).unlink()
    assert fetch.ensure_frontend(VERSION, cache=cache) == path, "no wheel is needed for it"

    build_wheel(package_directory)
    fetch.ensure_frontend(VERSION, cache=cache, force=True)
    assert not mark.exists() and list_cache(cache) == [path.name]


def test_an_incomplete_frontend_is_replaced(package_directory: Path, cache: Path) -> None:
    build_wheel(package_directory)
    incomplete = fetch.get_location(VERSION, cache)
    (incomplete / "frontend").mkdir(parents=True)
    (incomplete / "frontend/index.html").write_text("half")
    assert "Chat" in (fetch.ensure_frontend(VERSION, cache=cache) / "frontend/index.html").read_text()


def test_two_downloads_at_the_same_time_succeed(package_directory: Path, cache: Path) -> None:
    build_wheel(package_directory)
    errors: list[BaseException] = []

    def fetch_frontend() -> None:
        try:
            fetch.ensure_frontend(VERSION, cache=cache)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch_frontend) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert fetch.is_complete(fetch.get_location(VERSION, cache))
    assert list_cache(cache) == [f"frontend-{VERSION}"]


def test_the_first_complete_download_is_kept(tmp_path: Path) -> None:
    target, download = tmp_path / "frontend-1", tmp_path / "made"
    for path, text in ((target, "first"), (download, "second")):
        path.mkdir()
        (path / "complete").write_text(text)
    package_download._move_into_place(download, target, tmp_path / "old", force=False)
    assert (target / "complete").read_text() == "first"


def test_old_leftovers_of_a_killed_process_are_removed_and_recent_ones_stay(
    package_directory: Path, cache: Path
) -> None:
    build_wheel(package_directory)
    for name, age in (("old", 2 * 86_400), ("young", 60)):
        leftover = cache / f".fetching-{name}"
        leftover.mkdir(parents=True)
        modified_at = leftover.stat().st_mtime - age
        os.utime(leftover, (modified_at, modified_at))
    fetch.ensure_frontend(VERSION, cache=cache)
    assert list_cache(cache) == [".fetching-young", f"frontend-{VERSION}"]


class TestFailures:
    """Each failure is an error of a single line and leaves no files."""

    def require_failure(self, cache: Path, version: str = VERSION) -> str:
        with pytest.raises(fetch.FetchError) as caught:
            fetch.ensure_frontend(version, cache=cache)
        text = str(caught.value)
        assert "\n" not in text
        assert list_cache(cache) == []
        return text

    def test_pip_finds_nothing(self, package_directory: Path, cache: Path) -> None:
        assert "No matching distribution found for open-webui==9.9.1" in self.require_failure(cache)

    def test_a_package_with_another_hash(
        self, package_directory: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        digest = hashlib.sha256(build_wheel(package_directory).read_bytes()).hexdigest()
        monkeypatch.setitem(fetch.HASHES, VERSION, "0" * 64)
        assert digest in self.require_failure(cache)
        monkeypatch.setitem(fetch.HASHES, VERSION, digest)
        fetch.ensure_frontend(VERSION, cache=cache)

    def test_a_package_without_a_frontend(self, package_directory: Path, cache: Path) -> None:
        build_wheel(package_directory, {"open_webui/main.py": "pass"})
        assert self.require_failure(cache) == "the package holds no built frontend"

    def test_a_path_outside_the_directory_is_refused(self, package_directory: Path, cache: Path) -> None:
        build_wheel(package_directory, {**FILES, "open_webui/frontend/../../../../escaped.txt": "out"})
        assert "leads out" in self.require_failure(cache)
        assert not list(cache.parent.rglob("escaped.txt"))

    def test_a_broken_package(self, package_directory: Path, cache: Path) -> None:
        """Damage in the middle leaves the list of files intact; pip or Fastback may detect it."""
        path = build_wheel(package_directory)
        content = bytearray(path.read_bytes())
        middle = content.index(b"open_webui/frontend/_app/immutable/entry.js") + 60
        content[middle : middle + 8] = b"\xff" * 8
        path.write_bytes(content)
        assert self.require_failure(cache) == "the package is broken"

    def test_no_version(self, cache: Path) -> None:
        assert self.require_failure(cache, "../0.12.4") == "'../0.12.4' is no version"

    def test_the_disk_is_full(self, package_directory: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        build_wheel(package_directory)

        def raise_disk_full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(fetch, "_compress_files", raise_disk_full)
        assert self.require_failure(cache) == f"cannot keep the frontend in {cache}: No space left on device"

    def test_the_cache_is_a_file(self, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        cache.write_text("not a directory")
        with pytest.raises(fetch.FetchError, match="cannot keep the frontend in"):
            fetch.ensure_frontend(VERSION, cache=cache)


@pytest.mark.parametrize(
    ("output", "reason"),
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
def test_the_reason_is_the_most_informative_line(output: str, reason: str) -> None:
    assert package_download.summarize_pip_failure(output) == reason


def test_variables_choose_the_cache_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("FASTBACK_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert fetch.get_cache_directory() == Path("/home/ada/.cache/fastback")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert fetch.get_cache_directory() == Path("/var/cache/fastback")
    monkeypatch.setenv("FASTBACK_CACHE_DIR", "/srv/frontend")
    assert fetch.get_location("1.0") == Path("/srv/frontend/frontend-1.0")
