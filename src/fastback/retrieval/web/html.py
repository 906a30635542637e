"""Text out of web pages. Runs in a worker process: a large page takes a while, and pages come from strangers."""

from __future__ import annotations

import codecs
import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

#: Elements whose content nobody reads.
_UNREAD = ["script", "style", "template"]
#: Elements that begin and end a line.
_BLOCK = re.compile(
    "</?(?:address|article|aside|blockquote|body|br|caption|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|head|header|hgroup|hr|html|legend|li|main|menu|nav|ol|optgroup|option|p|section|select|"
    "summary|table|tbody|textarea|tfoot|thead|title|tr|ul|video)(?=[\\s/>])",
    re.IGNORECASE,
)
#: Cells stand apart, too; in one line.
_CELL = re.compile("<t[dh](?=[\\s/>])", re.IGNORECASE)
_PRE = re.compile("(</?pre(?=[\\s/>]))", re.IGNORECASE)
#: Text behind a tag.
_TEXT = re.compile(">[^<]+")
_SPACES = re.compile(r"[ \t\r\n\v\u00a0]+")
#: Stands for a space that is to stay.
_KEPT = "\ue000"
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decoded(content: bytes, charset: str | None) -> str:
    """The text of a page, whatever it says of its letters: its mark, its header, its own words, the usual two."""
    mark = next((name for start, name in _MARKS if content.startswith(start)), None)
    own = _META.search(content, 0, 4096) or _XML.search(content, 0, 400)
    for name in (mark, charset, own.group(1).decode("ascii") if own else None, "utf-8"):
        if not name:
            continue
        try:
            return content.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return content.decode("cp1252", "replace")


def _marked(text: str) -> str:
    """The markup with a form feed before each block: it is white space to a parser, and may stand between any tags.

    Other white space is one space; that of `pre` is put into signs that stay.
    """
    found = []
    inside = False
    for place, part in enumerate(_PRE.split(text.replace("\f", " "))):
        if place % 2:
            inside = not part.startswith("</")
            found.append(f"\f{part}")
        elif inside:
            found.append(_TEXT.sub(_as_it_is, part))
        else:
            found.append(_CELL.sub(r" \g<0>", _BLOCK.sub(r"\f\g<0>", _SPACES.sub(" ", part))))
    return "".join(found)


def _as_it_is(match: re.Match[str]) -> str:
    return match.group(0).replace("\r\n", "\n").replace("\n", "\f").replace(" ", _KEPT)


def _lines(text: str) -> str:
    """A page's text, a line for each block that says something."""
    lines = (_SPACES.sub(" ", line).strip().replace(_KEPT, " ").rstrip() for line in text.split("\f"))
    return "\n".join(line for line in lines if line)


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text.replace("\f", " ")).strip()


def read(content: bytes, charset: str | None, *, markup: bool = True) -> dict[str, Any]:
    """The text of a page (of `markup`, or plain), and what it says of itself: `title`, `description`, `language`."""
    text = decoded(content, charset)
    if not markup:
        return {"text": text}
    page = LexborHTMLParser(_marked(text))
    page.strip_tags(_UNREAD, recursive=True)
    title, meta = page.css_first("title"), page.css_first('meta[name="description" i]')
    return {
        "text": _lines(page.root.text() if page.root is not None else ""),
        "title": None if title is None else _plain(title.text()),
        "description": None if meta is None else _plain(meta.attributes.get("content") or ""),
        "language": page.root.attributes.get("lang") if page.root is not None else None,
    }


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """A job of the workers: `{"content", "charset", "markup"}`."""
    return read(job["content"], job["charset"], markup=job["markup"])
