"""Makes the searching of the web and the reading of its pages."""

from __future__ import annotations

import os

import aiohttp

from fastback.config import Config
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard
from fastback.kit.workers.pool import Limits, Workers
from fastback.retrieval.web import youtube
from fastback.retrieval.web.fetcher import Fetching
from fastback.retrieval.web.pages import Pages
from fastback.retrieval.web.search import WebSearch
from fastback.settings import Settings

#: A page is read in some milliseconds; one that is made to take longer is given up.
_LIMITS = Limits(processes=2, seconds=10, memory=768 * 1024 * 1024, idle=20, jobs=500)

#: A browser maps far more memory than it uses; it ends soon, as it keeps much of it.
_BROWSERS = Limits(processes=1, seconds=60, memory=None, idle=5, jobs=20)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")

_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


async def set_up(services: Services) -> None:
    """Add `WebGuard`, `Pages` and `WebSearch`."""
    settings = services.get(Settings)
    config = services.get(Config)
    client = services.get(aiohttp.ClientSession)
    guard = WebGuard(settings.web_fetch_filter_list.split(","), allow_local=settings.enable_local_web_fetch)
    tasks = services.get(Tasks)
    workers = Workers("fastback.retrieval.web.html", _LIMITS, name="pages")
    proxies = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    browsers = Workers("fastback.retrieval.web.browser", _BROWSERS, name="browser", environment=proxies)
    authorities = {name: os.environ[name] for name in _AUTHORITIES if name in os.environ}
    videos = Workers(
        "fastback.retrieval.web.youtube_worker", youtube.LIMITS, name="videos", environment=proxies | authorities
    )
    fetching = Fetching(guard, config, settings)
    services.add(WebGuard, guard)
    services.add(
        Pages,
        Pages(
            fetching=fetching,
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
