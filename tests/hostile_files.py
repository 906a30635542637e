"""Files that try to harm the process that reads them, made by the tests."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

ENTITIES = (
    b'<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]>"
)
#: Rows of a sheet that has two cells, as far apart as possible.
FAR_CORNER = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
_W = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_CONTAINER = b'<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>'
_ODT = b"application/vnd.oasis.opendocument.text"
_SHEET = "xl/worksheets/sheet1.xml"


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def make_understated_archive(members: dict[str, bytes], name: str, size: int) -> bytes:
    """Return an archive that understates the size of a member."""
    content = bytearray(archive(members))
    entry_offset = content.rfind(b"PK\x01\x02", 0, content.rfind(name.encode()))
    struct.pack_into("<I", content, entry_offset + 24, size)
    return bytes(content)


def docx(body: bytes = b"", before: bytes = b"") -> bytes:
    document = b"<?xml version='1.0'?>%s<w:document %s><w:body>%s</w:body></w:document>" % (before, _W, body)
    return archive({"[Content_Types].xml": b"<Types/>", "word/document.xml": document})


def odt(content: bytes) -> bytes:
    return archive({"mimetype": _ODT, "content.xml": content})


def epub(package: bytes, chapter: bytes = b"") -> bytes:
    members = {"mimetype": b"application/epub+zip", "META-INF/container.xml": _CONTAINER, "a.opf": package}
    return archive({**members, "c.xhtml": chapter})


def xlsx(sheet: bytes, name: str = "S") -> bytes:
    main = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relations = b'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    package = b'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    return archive(
        {
            "[Content_Types].xml": b"<Types/>",
            "_rels/.rels": b'<Relationships %s><Relationship Id="r1" Type="%sofficeDocument" Target="xl/workbook.xml"/>'
            b"</Relationships>" % (package, kind),
            "xl/workbook.xml": b'<workbook %s %s><sheets><sheet name="%s" sheetId="1" r:id="r1"/></sheets></workbook>'
            % (main, relations, name.encode()),
            "xl/_rels/workbook.xml.rels": b'<Relationships %s><Relationship Id="r1" Type="%sworksheet" '
            b'Target="worksheets/sheet1.xml"/></Relationships>' % (package, kind),
            _SHEET: b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (main, sheet),
        }
    )


def pdf(objects: list[bytes]) -> bytes:
    """Return a PDF of objects, the first of which is its root."""
    content = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    content += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(content)


def pdf_of(content: bytes, *, packed: bool = False) -> bytes:
    """Return a PDF of one page with this content."""
    stream = b"<</Length %d%s>>stream\n%s\nendstream" % (
        len(content),
        b"/Filter/FlateDecode" if packed else b"",
        content,
    )
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            stream,
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


def packed_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def endless_pdf() -> bytes:
    """Return a PDF whose pages are their own parents."""
    return pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R 2 0 R]/Count 1000000>>"])


def nested_pdf(depth: int) -> bytes:
    pages = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 3) for number in range(depth)]
    return pdf([b"<</Type/Catalog/Pages 2 0 R>>", *pages, b"<</Type/Page/MediaBox[0 0 9 9]>>"])


def endless_compound() -> bytes:
    """Return a container of old Office files whose sector table is a cycle."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIII", head, 44, 1, 1, 0, 4096, 1, 1, 0xFFFFFFFE, 0, 0)
    table = struct.pack("<128I", *([1] * 128))
    return bytes(head) + table + bytes(512)


def nested_mail(depth: int) -> bytes:
    head = b"Subject: deep\r\nMIME-Version: 1.0\r\n"
    parts = [b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth)]
    return head + b"".join(parts) + b"Content-Type: text/plain\r\n\r\nhello"


def create_sparse_file(path: Path, size: int) -> None:
    with path.open("wb") as file:
        os.truncate(file.fileno(), size)


def measure_resident_memory() -> int:
    """Return the bytes of memory that this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
