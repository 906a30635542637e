"""`/manifest.json`, `/opensearch.xml` and the changelog: what a browser asks of the site."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape


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


_VERSION = re.compile(r"^## \[([^\]]+)\](?:\s*-\s*(\S+))?", re.MULTILINE)
_SECTION = re.compile(r"^### (.+)$", re.MULTILINE)


def changelog(text: str, *, most: int = 5) -> dict[str, Any]:
    """The newest versions of a changelog in Markdown: `{version: {date, section: [{title, content, raw}]}}`."""
    found: dict[str, Any] = {}
    heads = list(_VERSION.finditer(text))
    for place, head in enumerate(heads[:most]):
        end = heads[place + 1].start() if place + 1 < len(heads) else len(text)
        body = text[head.end() : end]
        version: dict[str, Any] = {"date": head.group(2) or ""}
        sections = list(_SECTION.finditer(body))
        for number, section in enumerate(sections):
            stop = sections[number + 1].start() if number + 1 < len(sections) else len(body)
            version[section.group(1).strip().lower()] = _items(body[section.end() : stop])
        found[head.group(1)] = version
    return found


def _items(text: str) -> list[dict[str, str]]:
    items = []
    for line in text.splitlines():
        if not line.startswith(("- ", "* ")):
            continue
        line = line[2:].strip()
        title, colon, content = line.partition(":")
        plain = re.sub(r"\*\*|\[([^\]]*)\]\([^)]*\)", lambda m: m.group(1) or "", title)
        items.append(
            {
                "title": plain.strip() if colon else "",
                "content": (content if colon else line).replace("**", "").strip(),
                "raw": f"<li>{escape(line)}</li>",
            }
        )
    return items
