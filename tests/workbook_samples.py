"""Workbooks that the tests make: of binary parts, with odd sheets, with cells far apart."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence

from hostile_files import archive

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
#: A row, a column and a value; in an .xlsb workbook also the kind of a record, and its content after the column.
Cell = tuple[int, int, str | float | bytes]


def _make_relations(**targets: tuple[str, str]) -> bytes:
    tags = (
        f'<Relationship Id="{key}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}">{"".join(tags)}</Relationships>'.encode()


def _make_record(kind: int, content: bytes = b"") -> bytes:
    """Return a record of an .xlsb part: kind and size take seven bits of each byte."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0xFF, kind >> 8])
    size = len(content)
    return head + (bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])) + content


def _make_wide_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _make_binary_sheet(cells: Sequence[Cell]) -> bytes:
    rows, columns = [row for row, _, _ in cells] or [0], [column for _, column, _ in cells] or [0]
    content = _make_record(0x0181)
    content += _make_record(0x0194, struct.pack("<IIII", min(rows), max(rows), min(columns), max(columns)))
    content += _make_record(0x0191)
    last_row = -1
    for row, column, value in cells:
        if row != last_row:
            content += _make_record(0x00, struct.pack("<I", row) + bytes(13))
            last_row = row
        head = struct.pack("<II", column, 0)
        if isinstance(value, bytes):
            content += _make_record(value[0], head[:4] + value[1:])
        elif isinstance(value, str):
            content += _make_record(0x06, head + _make_wide_text(value))
        else:
            content += _make_record(0x05, head + struct.pack("<d", value))
    return content + _make_record(0x0192) + _make_record(0x0182)


def _make_binary_comments(*comments: tuple[int, int, str, str]) -> bytes:
    content = b"".join(_make_record(0x04F8, _make_wide_text(author)) for _, _, author, _ in comments)
    for index, (row, column, _, text) in enumerate(comments):
        content += _make_record(0x04FB, struct.pack("<IIIII", index, row, row, column, column) + bytes(16))
        content += _make_record(0x04FD, b"\0" + _make_wide_text(text))
    return content


def _make_styles(formats: Sequence[str]) -> bytes:
    codes = b"".join(
        _make_record(44, struct.pack("<H", 164 + number) + _make_wide_text(code)) for number, code in enumerate(formats)
    )
    styles = b"".join(_make_record(47, struct.pack("<HH12x", 0, 164 + number)) for number in range(len(formats)))
    count = struct.pack("<I", len(formats))
    parts = (_make_record(0x0296), _make_record(0x04E7, count), codes, _make_record(0x04E8))
    return b"".join((*parts, _make_record(0x04E9, count), styles, _make_record(0x04EA), _make_record(0x0297)))


def xlsb(
    cells: Sequence[Cell],
    *,
    chart: bool = False,
    comments: Sequence[tuple[int, int, str, str]] = (),
    formats: Sequence[str] = (),
    more: dict[str, bytes] | None = None,
) -> bytes:
    """Return a workbook of binary parts; `chart` puts a chart sheet before the sheet.

    `comments` have a row, a column, an author and a text. `formats` are those of the styles.
    """
    entries = [("Chart", "r2", "chartsheet", "chartsheets/sheet1.bin")] if chart else []
    entries.append(("First", "r1", "worksheet", "worksheets/sheet1.bin"))
    sheets = b"".join(
        _make_record(0x019C, struct.pack("<II", 0, number) + _make_wide_text(key) + _make_wide_text(name))
        for number, (name, key, _, _) in enumerate(entries, 1)
    )
    workbook = _make_record(0x0183) + _make_record(0x018F) + sheets + _make_record(0x0190) + _make_record(0x0184)
    members = {
        "[Content_Types].xml": b"<Types/>",
        "_rels/.rels": _make_relations(r1=("officeDocument", "xl/workbook.bin")),
        "xl/workbook.bin": workbook,
        "xl/_rels/workbook.bin.rels": _make_relations(
            **{key: (kind, target) for _, key, kind, target in entries}, r9=("styles", "styles.bin")
        ),
        "xl/styles.bin": _make_styles(formats),
        "xl/worksheets/sheet1.bin": _make_binary_sheet(cells),
    }
    if comments:
        members["xl/worksheets/_rels/sheet1.bin.rels"] = _make_relations(r1=("comments", "../comments1.bin"))
        members["xl/comments1.bin"] = _make_binary_comments(*comments)
    members.update(more or {})
    if chart:
        members["xl/chartsheets/sheet1.bin"] = _make_record(0x0181) + _make_record(0x0182)
    return archive(members)


#: The table that `sample_documents.xlsx` and its relatives contain, too.
PEOPLE: tuple[Cell, ...] = ((0, 0, "name"), (0, 1, "age"), (1, 0, "Ada"), (1, 1, 36.0))


def read_members(content: bytes) -> dict[str, bytes]:
    """Return the members of an archive, by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def add_styles_and_texts(content: bytes, *, formats: Sequence[str], texts: Sequence[str]) -> bytes:
    """Return the workbook with a style for each number format, and with shared texts."""
    members = read_members(content)
    codes = "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(formats))
    styles = "".join(f'<xf numFmtId="{164 + n}"/>' for n in range(len(formats)))
    members["xl/styles.xml"] = (
        f"<styleSheet><numFmts>{codes}</numFmts><cellStyleXfs><xf/></cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>"
    ).encode()
    members["xl/SharedStrings.xml"] = f"<sst>{''.join(f'<si><t>{text}</t></si>' for text in texts)}</sst>".encode()
    more = (
        f'<Relationship Id="r8" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
        f'<Relationship Id="r9" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )
    name = "xl/_rels/workbook.xml.rels"
    members[name] = members[name].replace(b"</Relationships>", more.encode())
    return archive(members)


def ods(cells: Sequence[Cell], *, notes: str = "", objects: dict[str, bytes] | None = None) -> bytes:
    """Return an OpenDocument workbook; rows and columns between the cells are repeated empty ones, as programs write.

    `notes` is XML in the first cell.
    """
    rows, row, last_column = "", 0, -1
    content = ""
    for cell_row, column, value in [*cells, (1 << 20, 0, "")]:
        if cell_row != row and content:
            rows += f"<table:table-row>{content}<table:table-cell table:number-columns-repeated='9'/></table:table-row>"
            content, last_column = "", -1
            row += 1
        if cell_row > row:
            rows += (
                f'<table:table-row table:number-rows-repeated="{cell_row - row}"><table:table-cell'
                f' table:number-columns-repeated="16384"/></table:table-row>'
            )
            row = cell_row
        if column > last_column + 1:
            content += f'<table:table-cell table:number-columns-repeated="{column - last_column - 1}"/>'
        kind = "string" if isinstance(value, str) else f'float" office:value="{value}'
        content += f'<table:table-cell office:value-type="{kind}">{notes}<text:p>{value}</text:p></table:table-cell>'
        notes, last_column = "", column
    names = "".join(
        f' xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"), ("draw", "drawing"))
    )
    body = f'<office:spreadsheet><table:table table:name="First">{rows}</table:table></office:spreadsheet>'
    content = f"<office:document-content{names}><office:body>{body}</office:body></office:document-content>"
    return archive(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content.encode(),
            **(objects or {}),
        }
    )
