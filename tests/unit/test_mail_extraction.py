"""Text extraction from e-mail: the parts of the body, messages in messages, and unusual structures."""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Callable
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

import hostile_files
import sample_documents
from extraction_helpers import extract_documents
from fastback.retrieval.interfaces import Document

Extract = Callable[..., list[Document]]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Return a function that extracts documents like a worker, but in this process."""
    return partial(extract_documents, tmp_path)


def _make_mail(*parts: str, kind: str = "mixed", boundary: str = '"b"') -> str:
    name = boundary.strip('"')
    lines = "".join(f"--{name}\r\n{part}\r\n" for part in parts)
    return f"Subject: Plans\r\nContent-Type: multipart/{kind}; boundary={boundary}\r\n\r\n{lines}--{name}--\r\n"


def _make_text(text: str, kind: str = "plain", more: str = "") -> str:
    return f"Content-Type: text/{kind}{more}\r\n\r\n{text}"


def _make_parts(kind: str, *parts: str) -> str:
    lines = "".join(f"--inner\r\n{part}\r\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary=inner\r\n\r\n{lines}--inner--\r\n"


def test_all_inline_texts_are_the_body(extract: Extract) -> None:
    picture = "Content-Type: image/png; name=heron.png\r\n\r\nx"
    mail = _make_mail(_make_text("above"), picture, _make_text("<p>below</p>", "html"), _make_text("-- the list"))
    (document,) = extract("a.eml", mail)
    assert document.text == "Subject: Plans\nAttachments: heron.png\n\nabove\n\nbelow\n\n-- the list"


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((_make_text("plain"), _make_text("<p>page</p>", "html")), "plain"),
        ((_make_text("<p>page</p>", "html"), _make_text("plain")), "plain"),
        ((_make_text("  "), _make_text("<p>page</p>", "html")), "page"),
        ((_make_text("plain"), _make_text("<p> </p>", "html")), "plain"),
        ((_make_text(""), _make_parts("related", _make_text("<p>page</p>", "html"))), "page"),
        ((_make_text("BEGIN:VCALENDAR", "calendar"), _make_text("<p>page</p>", "html")), "page"),
    ],
)
def test_the_best_alternative_with_text_is_the_body(extract: Extract, parts: tuple[str, ...], body: str) -> None:
    (document,) = extract("a.eml", _make_mail(*parts, kind="alternative"))
    assert document.text == f"Subject: Plans\n\n{body}"


def test_attachments_of_an_alternative_that_is_not_chosen_are_named(extract: Extract) -> None:
    page = _make_parts("mixed", _make_text("<p>page</p>", "html"), "Content-Type: application/pdf; name=a.pdf\r\n\r\nx")
    (document,) = extract("a.eml", _make_mail(_make_text("plain"), page, kind="alternative"))
    assert document.text == "Subject: Plans\nAttachments: a.pdf\n\nplain"


def test_a_boundary_with_an_equals_sign_needs_no_quotes(extract: Extract) -> None:
    (document,) = extract("a.eml", _make_mail(_make_text("hello"), boundary="----=_Part_1.2"))
    assert document.text == "Subject: Plans\n\nhello"


def test_a_text_without_the_stated_boundary_is_read(extract: Extract) -> None:
    mail = "Subject: Plans\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\n"
    assert extract("a.eml", mail)[0].text == "Subject: Plans\n\nhello"


def test_messages_in_messages_are_read(extract: Extract) -> None:
    message = "Subject: Herons\r\nFrom: Bob <bob@example.com>\r\n\r\nThey stand."
    encoded = base64.encodebytes(message.replace("Herons", "Storks").encode()).decode()
    mail = _make_mail(
        _make_text("See below."),
        f"Content-Type: message/rfc822\r\n\r\n{message}",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="storks.eml"\r\n\r\n{encoded}',
    )
    (document,) = extract("a.eml", mail)
    assert document.text == (
        "Subject: Plans\n\nSee below.\n\nSubject: Herons\nFrom: Bob <bob@example.com>\n\nThey stand.\n\n"
        "Subject: Storks\nFrom: Bob <bob@example.com>\n\nThey stand."
    )
    (document,) = extract("a.eml", _make_mail(f"\r\n{message}", f"\r\n{message}", kind="digest"))
    assert document.text.count("Subject: Herons") == document.text.count("They stand.") == 2


def test_reports_of_deliveries_are_read(extract: Extract) -> None:
    status = (
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a.example\r\n\r\n"
        "Final-Recipient: rfc822; bob@example.com\r\nStatus: 5.1.1\r\n"
    )
    headers = _make_text("Subject: Herons\r\nTo: bob@example.com", "rfc822-headers")
    (document,) = extract("a.eml", _make_mail(_make_text("It bounced."), status, headers, kind="report"))
    assert document.text.split("\n\n")[1:] == [
        "It bounced.",
        "Reporting-MTA: dns; a.example",
        "Final-Recipient: rfc822; bob@example.com\nStatus: 5.1.1",
        "Subject: Herons\nTo: bob@example.com",
    ]


def test_headers_and_texts_in_other_encodings(extract: Extract) -> None:
    mail = (
        "Subject: Grüße\r\nFrom: =?windows-1251?B?wPLo6u7iYQ==?= <a@example.com>\r\n"
        "Content-Type: text/plain; charset=no-such\r\n\r\nschön"
    )
    (document,) = extract("a.eml", mail)
    assert document.text == "Subject: Grüße\nFrom: Атиковa <a@example.com>\n\nschön"
    name = 'Content-Type: application/pdf; name="=?utf-8?q?pl=C3=A4ne.pdf?="\r\n\r\nx'
    assert "Attachments: pläne.pdf" in extract("a.eml", _make_mail(_make_text("x"), name))[0].text


@pytest.mark.parametrize("depth", [100, 1000])
def test_a_deeply_nested_mail_is_read_soon(extract: Extract, depth: int) -> None:
    started_at = time.process_time()
    (document,) = extract("a.eml", hostile_files.nested_mail(depth))
    assert document.text.startswith("Subject: deep") and document.text.endswith("hello")
    message = EmailMessage()
    message["Subject"] = "deepest"
    message.set_content("hello")
    content = bytes(message)
    for _ in range(12):  # each level is a third longer than the one in it
        head = b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        head += b"Content-Type: message/rfc822\r\n"
        content = head + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content) + b"\r\n--b--\r\n"
    (document,) = extract("a.eml", content)
    assert document.text.endswith("Subject: deepest\n\nhello")
    assert time.process_time() - started_at < 5


def _make_outlook(streams: dict[str, bytes], *numbers: tuple[int, int]) -> bytes:
    properties = bytes(32) + b"".join(struct.pack("<HHIQ", 3, key, 6, value) for key, value in numbers)
    return sample_documents.compound({"__properties_version1.0": properties, **streams})


def test_an_outlook_message_without_plain_text(extract: Extract) -> None:
    page = {
        "__substg1.0_1000001F": "\r\n".encode("utf-16-le"),
        "__substg1.0_10130102": "<p>Привет</p>".encode("cp1251"),
    }
    assert extract("a.msg", _make_outlook(page, (0x3FDE, 1251)))[0].text == "Привет"
    rtf = b"{\\rtf1\\ansi Gr\\'fc\\'dfe\\par}"
    packed = struct.pack("<IIII", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf
    assert extract("a.msg", _make_outlook({"__substg1.0_10090102": packed}))[0].text == "Grüße"
    # `{\rtf1` and ten letters, of which the first seven bytes are read from the window.
    items = b"\x01\x00\x04" + b"Herons}"
    packed = struct.pack("<IIII", len(items) + 12, 13, 0x75465A4C, 0) + items
    assert extract("a.msg", _make_outlook({"__substg1.0_10090102": packed}))[0].text == "Herons"


def test_an_outlook_message_in_its_code_page(extract: Extract) -> None:
    streams = {"__substg1.0_0037001E": "Цапля".encode("cp1251"), "__substg1.0_1000001E": "Стоит".encode("cp1251")}
    assert extract("a.msg", _make_outlook(streams, (0x3FFD, 1251)))[0].text == "Subject: Цапля\n\nСтоит"


def test_messages_attached_to_an_outlook_message_are_read(extract: Extract) -> None:
    inner = "__attach_version1.0_#00000001/__substg1.0_3701000D"
    streams = {
        "__substg1.0_1000001F": "See below.".encode("utf-16-le"),
        "__attach_version1.0_#00000000/__substg1.0_3707001F": "plan.pdf".encode("utf-16-le"),
        f"{inner}/__properties_version1.0": bytes(24),
        f"{inner}/__substg1.0_0037001F": "Herons".encode("utf-16-le"),
        f"{inner}/__substg1.0_1000001F": "They stand.".encode("utf-16-le"),
    }
    (document,) = extract("a.msg", _make_outlook(streams))
    assert document.text == "Attachments: plan.pdf\n\nSee below.\n\nSubject: Herons\n\nThey stand."
