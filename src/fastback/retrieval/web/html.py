"""Extract text from web pages. Runs in a worker process: large pages take long, and their authors are not trusted."""

from __future__ import annotations

import codecs
import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

#: Elements whose content is skipped.
_SKIPPED_ELEMENTS = ["script", "style", "template"]
#: Elements that begin and end a line.
_BLOCK_TAG = re.compile(
    "</?(?=[a-z]{1,10}[1-6]?[\\s/>])(?:address|article|aside|blockquote|body|br|caption|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|head|header|hgroup|hr|html|legend|li|main|menu|nav|ol|optgroup|option|p|section|select|"
    "summary|table|tbody|textarea|tfoot|thead|title|tr|ul|video)(?=[\\s/>])",
    re.IGNORECASE,
)
#: Table cells are separated by a space, as they share a line.
_CELL_TAG = re.compile("<t[dh](?=[\\s/>])", re.IGNORECASE)
_PRE_TAG = re.compile("(</?pre(?=[\\s/>]))", re.IGNORECASE)
#: The text after a tag.
_TEXT_AFTER_TAG = re.compile(">[^<]+")
_SPACES = re.compile(r"[ \t\r\n\v\u00a0]+")
#: A placeholder for a space that must not be collapsed.
_KEPT_SPACE = "\ue000"
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*+=\s*+[\"']?\s*+([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})")
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode_page(content: bytes, charset: str | None) -> str:
    """Return the text of a page.

    The first encoding that fits is used: by byte order mark, by header, as the page declares, UTF-8, CP1252.
    """
    marked_encoding = next((name for start, name in _BYTE_ORDER_MARKS if content.startswith(start)), None)
    declared = _META_CHARSET.search(content, 0, 4096) or _XML_ENCODING.search(content, 0, 400)
    for name in (marked_encoding, charset, declared.group(1).decode("ascii") if declared else None, "utf-8"):
        if not name:
            continue
        try:
            return content.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return content.decode("cp1252", "replace")


def _mark_blocks(text: str) -> str:
    """Return the markup with a form feed before each block: parsers treat it as white space, so it may follow any tag.

    Other white space is collapsed to one space; that in `pre` is replaced by placeholders that survive.
    """
    parts = []
    in_pre = False
    for index, part in enumerate(_PRE_TAG.split(text.replace("\f", " "))):
        if index % 2:
            in_pre = not part.startswith("</")
            parts.append(f"\f{part}")
        elif in_pre:
            parts.append(_TEXT_AFTER_TAG.sub(_keep_white_space, part))
        else:
            parts.append(_CELL_TAG.sub(r" \g<0>", _BLOCK_TAG.sub(r"\f\g<0>", _SPACES.sub(" ", part))))
    return "".join(parts)


def _keep_white_space(match: re.Match[str]) -> str:
    return match.group(0).replace("\r\n", "\n").replace("\n", "\f").replace(" ", _KEPT_SPACE)


def _join_lines(text: str) -> str:
    """Return a line for each block that contains text."""
    lines = (_SPACES.sub(" ", line).strip().replace(_KEPT_SPACE, " ").rstrip() for line in text.split("\f"))
    return "\n".join(line for line in lines if line)


def _clean_text(text: str) -> str:
    return _SPACES.sub(" ", text.replace("\f", " ")).strip()


def read_page(content: bytes, charset: str | None, *, markup: bool = True) -> dict[str, Any]:
    """Return the `text` of a page, and for `markup` also its `title`, `description` and `language`."""
    text = decode_page(content, charset)
    if not markup:
        return {"text": text}
    page = LexborHTMLParser(_mark_blocks(text))
    page.strip_tags(_SKIPPED_ELEMENTS, recursive=True)
    title, meta = page.css_first("title"), page.css_first('meta[name="description" i]')
    return {
        "text": _join_lines(page.root.text() if page.root is not None else ""),
        "title": None if title is None else _clean_text(title.text()),
        "description": None if meta is None else _clean_text(meta.attributes.get("content") or ""),
        "language": page.root.attributes.get("lang") if page.root is not None else None,
    }


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job of the workers: `{"content", "charset", "markup"}`."""
    return read_page(job["content"], job["charset"], markup=job["markup"])
