"""`/manifest.json` and `/opensearch.xml`: what a browser asks of the site."""

from __future__ import annotations

import logging
from typing import Any
from xml.sax.saxutils import escape

import aiohttp
import msgspec

from fastback.kit.http import HttpError

log = logging.getLogger("fastback.server")

#: How long the other server may take (seconds).
_PATIENCE = 10


def manifest(name: str) -> dict[str, Any]:
    """The manifest of the installed page; name and icons are Open WebUI's own."""
    icon = {"src": "/static/logo.png", "type": "image/png", "sizes": "500x500"}
    return {
        "name": name,
        "short_name": name,
        "description": f"{name} is an open, extensible, user-friendly interface for AI that adapts to your workflow.",
        "start_url": "/",
        "display": "standalone",
        "background_color": "#343541",
        "icons": [{**icon, "purpose": "any"}, {**icon, "purpose": "maskable"}],
        "share_target": {"action": "/", "method": "GET", "params": {"text": "shared"}},
    }


async def external_manifest(client: aiohttp.ClientSession, url: str) -> msgspec.Raw:
    """The manifest that lies somewhere else, as it is.

    Raises:
        HttpError: it cannot be had, or is no JSON.
    """
    try:
        async with client.get(url, timeout=aiohttp.ClientTimeout(total=_PATIENCE)) as response:
            response.raise_for_status()
            return msgspec.json.decode(await response.read(), type=msgspec.Raw)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        log.warning("EXTERNAL_PWA_MANIFEST_URL: %s", error or type(error).__name__)
        raise HttpError(502, "The manifest cannot be fetched.") from error


def opensearch(name: str, url: str) -> str:
    """The description of the page as a search engine."""
    title, site = escape(name), escape(url)
    return f"""
    <OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/" xmlns:moz="http://www.mozilla.org/2006/browser/search/">
    <ShortName>{title}</ShortName>
    <Description>Search {title}</Description>
    <InputEncoding>UTF-8</InputEncoding>
    <Image width="16" height="16" type="image/x-icon">{site}/static/favicon.png</Image>
    <Url type="text/html" method="get" template="{site}/?q={{searchTerms}}"/>
    <moz:SearchForm>{site}</moz:SearchForm>
    </OpenSearchDescription>
    """
