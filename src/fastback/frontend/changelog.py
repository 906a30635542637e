"""The changelog that comes with the frontend, parsed for the page.

The file uses a subset of Markdown (Keep a Changelog): `## [version] - date`, `### Section`, lists, and within a line
strong text, code and links. HTML in a line is treated as text: no tag of the file reaches the page. Each list item is
returned as HTML (`raw`), and as text split at its first colon (`title` and `content`).
"""

from __future__ import annotations

import asyncio
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from fastback.kit.http.body import encoder

_VERSION = re.compile(r"^## \[([^\]\n]+)\] - (.+)$", re.MULTILINE)
_SECTION = re.compile(r"^### (.+)$", re.MULTILINE)
_ITEM = re.compile(r"^([ \t]*)[-*+][ \t]+(.*)$")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!>])")
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\[(?P<label>[^\[\]]*)\]\((?P<target>[^()\s]*)\)")


class Changelog:
    """The changelog in the file at `path`, as JSON; the file is read at the first request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: bytes | None = None

    async def get_content(self) -> bytes:
        """Return the newest versions as JSON; an empty object if no frontend was downloaded."""
        if self._content is None:
            self._content = await asyncio.to_thread(self._read_and_encode)
        return self._content

    def _read_and_encode(self) -> bytes:
        try:
            return encoder.encode(parse_changelog(self._path.read_text(encoding="utf-8")))
        except OSError:
            return b"{}"


def parse_changelog(text: str, *, limit: int = 5) -> dict[str, Any]:
    """Return the newest versions: `{version: {"date": date, section: [{"title", "content", "raw"}, …], …}, …}`."""
    versions: dict[str, Any] = {}
    head = _VERSION.search(text)
    while head is not None and len(versions) < limit:
        next_head = _VERSION.search(text, head.end())
        versions[head[1]] = {
            "date": head[2].rstrip(),
            **_parse_sections(text[head.end() : next_head.start() if next_head else len(text)]),
        }
        head = next_head
    return versions


def _parse_sections(body: str) -> dict[str, list[dict[str, str]]]:
    parts = _SECTION.split(body)
    return {
        title.rstrip().lower(): _parse_items(content) for title, content in zip(parts[1::2], parts[2::2], strict=True)
    }


def _parse_items(body: str) -> list[dict[str, str]]:
    items: list[str] = []
    for line in body.splitlines():
        item = _ITEM.match(line)
        if item is not None:
            items.append(item[2].strip())
        elif line.strip() and items:
            items[-1] += "\n" + line.strip()
    return [_parse_item(item_text) for item_text in items]


def _parse_item(line: str) -> dict[str, str]:
    html, texts = _render_inline(line)
    text = " ".join(part.strip() for part in texts if part.strip())
    title, colon, content = text.partition(": ")
    return {
        "title": title.strip() if colon else "",
        "content": content.strip() if colon else text,
        "raw": f"<li>{html}</li>",
    }


def _render_inline(line: str) -> tuple[str, list[str]]:
    """Return a line as HTML, and the texts between its tags."""
    html: list[str] = []
    texts: list[str] = []
    end = 0
    for match in _INLINE.finditer(line):
        _append_text(line[end : match.start()], html, texts)
        end = match.end()
        if match["code"] is not None:
            code = match["code"].strip()
            html.append(f"<code>{escape(code, quote=False)}</code>")
            texts.append(code)
            continue
        inner, inner_texts = _render_inline(match["strong"] or match["label"] or "")
        if match["strong"] is not None:
            html.append(f"<strong>{inner}</strong>")
        else:
            html.append(f'<a href="{escape(match["target"], quote=True)}">{inner}</a>')
        texts += inner_texts
    _append_text(line[end:], html, texts)
    return "".join(html), texts


def _append_text(text: str, html: list[str], texts: list[str]) -> None:
    if text:
        text = unescape(_ESCAPED.sub(r"\1", text))
        html.append(escape(text, quote=False))
        texts.append(text)
