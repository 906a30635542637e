"""Starts the files: the frontend that is set, or the fetched one."""

from __future__ import annotations

import logging
from pathlib import Path

from fastback.frontend import fetch
from fastback.frontend.default_pictures import DefaultPictures
from fastback.frontend.static import StaticFiles, site
from fastback.kit.services import Component, Services
from fastback.settings import Settings

log = logging.getLogger("fastback.frontend")


def directories(settings: Settings) -> tuple[Path | None, list[Path]]:
    """The built frontend, and the directories of `/static`, the winning one first."""
    cache = Path(settings.fastback_cache_dir) if settings.fastback_cache_dir else None
    fetched = fetch.location(cache=cache)
    build: Path | None = Path(settings.frontend_build_dir) if settings.frontend_build_dir else fetched / "frontend"
    if build is not None and not (build / "index.html").is_file():
        build = None
    static = [Path(settings.static_dir)] if settings.static_dir else []
    if build is not None:
        static.append(build / "static")
    static.append(fetched / "static")
    return build, static


async def set_up(services: Services) -> None:
    """Add `StaticFiles` and `DefaultPictures`."""
    build, static = directories(services.get(Settings))
    if build is None:
        log.warning("no frontend: run `fastback frontend` once; the API serves without it")
    services.add(StaticFiles, site(build, static))
    services.add(DefaultPictures, DefaultPictures(static))


COMPONENT = Component(name="frontend", setup=set_up)
