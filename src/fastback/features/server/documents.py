"""The documents `/manifest.json` and `/opensearch.xml`, with which a browser installs the page and searches with it."""

from __future__ import annotations

import logging
from html import escape
from typing import Any

import aiohttp
import msgspec

from fastback.kit.http import HttpError

log = logging.getLogger("fastback.server")

#: Time limit of the request for an external manifest (seconds).
_TIMEOUT_SECONDS = 10


def build_manifest(name: str) -> dict[str, Any]:
    """Return the manifest of the installed page; names and icons are Open WebUI's own."""
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


async def fetch_external_manifest(client: aiohttp.ClientSession, url: str) -> msgspec.Raw:
    """Return a manifest from another server, unchanged.

    Raises:
        HttpError 502: the server cannot be reached, or does not return JSON.
    """
    try:
        async with client.get(url, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)) as response:
            response.raise_for_status()
            return msgspec.json.decode(await response.read(), type=msgspec.Raw)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        log.warning("fetching EXTERNAL_PWA_MANIFEST_URL failed: %s", error or type(error).__name__)
        raise HttpError(502, "The manifest cannot be fetched.") from error


def build_opensearch_description(name: str, url: str) -> str:
    """Return the OpenSearch description of the page."""
    title, site = escape(name, quote=False), escape(url, quote=False)
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
