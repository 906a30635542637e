"""Create the web search and the page reader; their worker processes stop with the server."""

from __future__ import annotations

import os

import aiohttp

from fastback.config import Config
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.retrieval.web import youtube
from fastback.retrieval.web.fetcher import WebFetcher
from fastback.retrieval.web.pages import PageReader
from fastback.retrieval.web.search import WebSearch
from fastback.settings import Settings

#: A page is parsed within milliseconds; one that was made to take longer fails.
_PAGE_LIMITS = Limits(processes=2, seconds=10, memory=768 * 1024 * 1024, idle=20, jobs=500)

#: A browser maps far more memory than it uses, hence no limit; idle ones stop soon, as they occupy much of it.
_BROWSER_LIMITS = Limits(processes=1, seconds=60, memory=None, idle=5, jobs=20)
_PROXY_VARIABLES = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
)

_AUTHORITY_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


async def set_up(services: Services) -> None:
    """Register `WebGuard`, `PageReader` and `WebSearch`."""
    settings = services.get(Settings)
    config = services.get(Config)
    client = services.get(aiohttp.ClientSession)
    guard = WebGuard(settings.web_fetch_filter_list.split(","), allow_local=settings.enable_local_web_fetch)
    tasks = services.get(Tasks)
    workers = WorkerPool("fastback.retrieval.web.html", _PAGE_LIMITS, name="pages")
    proxies = {name: os.environ[name] for name in _PROXY_VARIABLES if name in os.environ}
    browsers = WorkerPool("fastback.retrieval.web.browser", _BROWSER_LIMITS, name="browser", environment=proxies)
    authorities = {name: os.environ[name] for name in _AUTHORITY_VARIABLES if name in os.environ}
    videos = WorkerPool(
        "fastback.retrieval.web.youtube_worker", youtube.LIMITS, name="videos", environment=proxies | authorities
    )
    fetcher = WebFetcher(guard, config, settings)
    services.add(WebGuard, guard)
    services.add(
        PageReader,
        PageReader(
            fetcher=fetcher,
            client=client,
            config=config,
            settings=settings,
            workers=workers,
            browsers=browsers,
            videos=videos,
            services=services,
        ),
    )
    services.add(WebSearch, WebSearch(client, config, settings))
    for pool in (workers, browsers, videos):
        tasks.run_at_shutdown(pool.close)


COMPONENT = Component(name="web", setup=set_up)
