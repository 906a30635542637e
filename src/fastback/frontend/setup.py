"""Set up the frontend: the configured build, or the downloaded one."""

from __future__ import annotations

import logging
from pathlib import Path

from fastback.frontend import fetch
from fastback.frontend.default_pictures import DefaultPictures
from fastback.frontend.static import StaticFiles, build_static_files
from fastback.kit.services import Component, Services
from fastback.settings import Settings

log = logging.getLogger("fastback.frontend")


def find_directories(settings: Settings) -> tuple[Path | None, list[Path]]:
    """Return the directory of the built frontend, and the directories of `/static`, highest priority first."""
    cache = Path(settings.fastback_cache_dir) if settings.fastback_cache_dir else None
    download = fetch.get_location(cache=cache)
    build: Path | None = Path(settings.frontend_build_dir) if settings.frontend_build_dir else download / "frontend"
    if build is not None and not (build / "index.html").is_file():
        build = None
    static = [Path(settings.static_dir)] if settings.static_dir else []
    if build is not None:
        static.append(build / "static")
    static.append(download / "static")
    return build, static


async def set_up(services: Services) -> None:
    """Register `StaticFiles` and `DefaultPictures`."""
    build, static = find_directories(services.get(Settings))
    if build is None:
        log.warning("frontend not found: run `fastback frontend` once; the API serves without it")
    services.add(StaticFiles, build_static_files(build, static))
    services.add(DefaultPictures, DefaultPictures(static))


COMPONENT = Component(name="frontend", setup=set_up)
