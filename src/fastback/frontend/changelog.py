"""What is new, as the page shows it: read from the changelog that comes with the frontend.

The file keeps to a corner of Markdown (Keep a Changelog): `## [version] - date`, `### Section`, lists, and within a
line strong text, code and links. HTML in a line is text here: no tag of the file reaches the page. The answer holds
each item of a list three times: as HTML, and as text cut at its first colon.
"""

from __future__ import annotations

import asyncio
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from fastback.kit.http.body import encoder

_VERSION = re.compile(r"^## \[([^\]]+)\] - (.+?)[ \t]*$", re.MULTILINE)
_SECTION = re.compile(r"^### (.+?)[ \t]*$", re.MULTILINE)
_ITEM = re.compile(r"^([ \t]*)[-*+][ \t]+(.*)$")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!>])")
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\[(?P<label>[^\]]*)\]\((?P<target>[^()\s]*)\)")


class Changelog:
    """The changelog in the file at `path`, as JSON; read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: bytes | None = None

    async def content(self) -> bytes:
        """The newest versions; none where no frontend was fetched."""
        if self._content is None:
            self._content = await asyncio.to_thread(self._made)
        return self._content

    def _made(self) -> bytes:
        try:
            return encoder.encode(changelog(self._path.read_text(encoding="utf-8")))
        except OSError:
            return b"{}"


def changelog(text: str, *, most: int = 5) -> dict[str, Any]:
    """The newest versions: `{version: {"date": date, section: [{"title", "content", "raw"}, …], …}, …}`."""
    found: dict[str, Any] = {}
    head = _VERSION.search(text)
    while head is not None and len(found) < most:
        after = _VERSION.search(text, head.end())
        found[head[1]] = {"date": head[2], **_sections(text[head.end() : after.start() if after else len(text)])}
        head = after
    return found


def _sections(body: str) -> dict[str, list[dict[str, str]]]:
    parts = _SECTION.split(body)
    return {title.lower(): _items(content) for title, content in zip(parts[1::2], parts[2::2], strict=True)}


def _items(body: str) -> list[dict[str, str]]:
    items: list[str] = []
    for line in body.splitlines():
        item = _ITEM.match(line)
        if item is not None:
            items.append(item[2].strip())
        elif line.strip() and items:
            items[-1] += "\n" + line.strip()
    return [_item(one) for one in items]


def _item(line: str) -> dict[str, str]:
    html, texts = _inline(line)
    text = " ".join(one.strip() for one in texts if one.strip())
    title, colon, content = text.partition(": ")
    return {
        "title": title.strip() if colon else "",
        "content": content.strip() if colon else text,
        "raw": f"<li>{html}</li>",
    }


def _inline(line: str) -> tuple[str, list[str]]:
    """A line as HTML, and the pieces of text between its tags."""
    html: list[str] = []
    texts: list[str] = []
    end = 0
    for found in _INLINE.finditer(line):
        _plain(line[end : found.start()], html, texts)
        end = found.end()
        if found["code"] is not None:
            code = found["code"].strip()
            html.append(f"<code>{escape(code, quote=False)}</code>")
            texts.append(code)
            continue
        inner, inner_texts = _inline(found["strong"] or found["label"] or "")
        if found["strong"] is not None:
            html.append(f"<strong>{inner}</strong>")
        else:
            html.append(f'<a href="{escape(found["target"], quote=True)}">{inner}</a>')
        texts += inner_texts
    _plain(line[end:], html, texts)
    return "".join(html), texts


def _plain(text: str, html: list[str], texts: list[str]) -> None:
    if text:
        text = unescape(_ESCAPED.sub(r"\1", text))
        html.append(escape(text, quote=False))
        texts.append(text)
