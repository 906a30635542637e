"""Small documents of every kind, made by the tests."""

from __future__ import annotations

import struct
from email.message import EmailMessage
from itertools import pairwise

from hostile_files import archive
from hostile_files import pdf as pdf_of_objects

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"


def docx() -> bytes:
    def make_part(root: str, content: str) -> bytes:
        return f'<w:{root} xmlns:w="{_W}" xmlns:mc="urn:mc">{content}</w:{root}>'.encode()

    def make_paragraph(text: str, properties: str = "") -> str:
        return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    def make_list_item(text: str, level: int) -> str:
        return make_paragraph(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="3"/></w:numPr>')

    def make_row(*cells: str) -> str:
        return "<w:tr>" + "".join(f"<w:tc>{cell}</w:tc>" for cell in cells) + "</w:tr>"

    body = (
        make_paragraph("Report", '<w:pStyle w:val="X1"/>'),
        '<w:p><w:pPr><w:tabs><w:tab w:pos="9"/></w:tabs></w:pPr><w:r><w:t>Two</w:t><w:tab/><w:t>lines</w:t><w:br/>'
        "<w:t>and “quotes”</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>",
        make_list_item("item", 0) + make_list_item("deeper", 1),
        "<w:tbl>"
        + make_row(make_paragraph("a1"), make_paragraph("b1"))
        + make_row(make_paragraph("a2") + make_paragraph("x"), make_paragraph("b2"))
        + "</w:tbl>",
        f"<w:p><w:r><mc:Choice><w:txbxContent>{make_paragraph('boxed')}</w:txbxContent></mc:Choice>"
        f"<mc:Fallback>{make_paragraph('boxed')}</mc:Fallback><w:t>around</w:t></w:r></w:p>",
    )
    styles = '<w:style w:styleId="X1"><w:name w:val="heading 1"/></w:style>'
    return archive(
        {
            "[Content_Types].xml": b"<Types/>",
            "word/document.xml": make_part("document", f"<w:body>{''.join(body)}</w:body>"),
            "word/styles.xml": make_part("styles", styles),
            "word/header1.xml": make_part("hdr", make_paragraph("above")),
            "word/footnotes.xml": make_part("footnotes", f"<w:footnote>{make_paragraph('note')}</w:footnote>"),
        }
    )


def pptx() -> bytes:
    def make_slide(*content: str) -> bytes:
        return f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}">{"".join(content)}</p:sld>'.encode()

    def make_paragraph(text: str) -> str:
        return f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>"

    def make_relations(**targets: str) -> bytes:
        relation_tags = (
            f'<Relationship Id="{key}" Type="{_R}/{value.split("|")[0]}" Target="{value.split("|")[1]}"/>'
            for key, value in targets.items()
        )
        return f"<Relationships>{''.join(relation_tags)}</Relationships>".encode()

    table = f"<a:tbl><a:tr><a:tc>{make_paragraph('a')}</a:tc><a:tc>{make_paragraph('b')}</a:tc></a:tr></a:tbl>"
    slides = '<p:sldId id="9" r:id="r2"/><p:sldId id="8" r:id="r1"/>'
    order = f'<p:presentation xmlns:p="{_P}" xmlns:r="{_R}">{slides}</p:presentation>'
    return archive(
        {
            "ppt/presentation.xml": order.encode(),
            "ppt/_rels/presentation.xml.rels": make_relations(
                r1="slide|slides/slide1.xml", r2="slide|slides/slide2.xml"
            ),
            "ppt/slides/slide1.xml": make_slide(
                make_paragraph("First file"), make_paragraph("and more"), f"<a:fld>{make_paragraph('7')}</a:fld>"
            ),
            "ppt/slides/slide2.xml": make_slide(make_paragraph("Second file"), table),
            "ppt/slides/_rels/slide2.xml.rels": make_relations(r1="notesSlide|../notesSlides/notesSlide1.xml"),
            "ppt/notesSlides/notesSlide1.xml": make_slide(make_paragraph("speak")),
        }
    )


def _odf(kind: str, body: str) -> bytes:
    names = " ".join(f'xmlns:{namespace}="{_ODF}{namespace}:1.0"' for namespace in ("office", "text", "table"))
    names += f' xmlns:draw="{_ODF}drawing:1.0" xmlns:presentation="{_ODF}presentation:1.0"'
    content = f"<office:document-content {names}><office:body>{body}</office:body></office:document-content>"
    kind = f"application/vnd.oasis.opendocument.{kind}"
    manifest = (
        f'<manifest:manifest xmlns:manifest="{_ODF}manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    return archive(
        {"mimetype": kind.encode(), "content.xml": content.encode(), "META-INF/manifest.xml": manifest.encode()}
    )


def odt() -> bytes:
    return _odf(
        "text",
        '<office:text><text:h text:outline-level="1">Report</text:h>'
        '<text:p>Two<text:s text:c="2"/>blanks<text:tab/>and<text:line-break/>lines</text:p>'
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
        '<table:table-cell table:number-columns-repeated="2"><text:p>b</text:p></table:table-cell>'
        '<table:table-cell table:number-columns-repeated="16000"/></table:table-row></table:table></office:text>',
    )


def odp() -> bytes:
    def make_page(text: str, notes: str = "") -> str:
        notes_tag = f"<presentation:notes><text:p>{notes}</text:p></presentation:notes>" if notes else ""
        return f"<draw:page><draw:frame><text:p>{text}</text:p></draw:frame>{notes_tag}</draw:page>"

    return _odf("presentation", make_page("First", "speak") + make_page("Second"))


def ods() -> bytes:
    def make_cell(kind: str, value: str) -> str:
        value_attribute = f' office:value="{value}"' if kind == "float" else ""
        return (
            f'<table:table-cell office:value-type="{kind}"{value_attribute}><text:p>{value}</text:p></table:table-cell>'
        )

    rows = (("string", "name", "string", "age"), ("string", "Ada", "float", "36"))
    table_rows = "".join(
        f"<table:table-row>{make_cell(a, b)}{make_cell(c, d)}</table:table-row>" for a, b, c, d in rows
    )
    return _odf(
        "spreadsheet",
        f'<office:spreadsheet><table:table table:name="First">{table_rows}</table:table></office:spreadsheet>',
    )


def xlsx() -> bytes:
    from hostile_files import xlsx as make_workbook

    def make_text_cell(reference: str, value: str) -> str:
        return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'

    first = f'<row r="1">{make_text_cell("A1", "name")}{make_text_cell("B1", "age")}</row>'
    return make_workbook(
        f'{first}<row r="2">{make_text_cell("A2", "Ada")}<c r="B2"><v>36</v></c></row>'.encode(), name="First"
    )


def epub() -> bytes:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        "<dc:title>The Book</dc:title></metadata><manifest>"
        '<item id="one" href="one%20file.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="two" href="two.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="two"/><itemref idref="one"/></spine></package>'
    )
    container = '<container><rootfiles><rootfile full-path="OPS/a.opf"/></rootfiles></container>'
    return archive(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": container.encode(),
            "OPS/a.opf": package.encode(),
            "OPS/one file.xhtml": b"<html><body><h1>One</h1><p>first file</p></body></html>",
            "OPS/two.xhtml": b"<html><body><h1>Two</h1><p>second file</p></body></html>",
        }
    )


def mail() -> bytes:
    message = EmailMessage()
    message["Subject"] = "Grüße & plans"
    message["From"] = "Ada <ada@example.com>"
    message["To"] = "bob@example.com"
    message["Date"] = "Mon, 1 Jan 2024 10:00:00 +0000"
    message.set_content("Hello Bob,\n\nsee you – Ada\n")
    message.add_alternative("<p>Hello <b>Bob</b></p>", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="plan.pdf")
    return bytes(message)


def pdf(*texts: str) -> bytes:
    """Return a PDF with a page for each text; pages are numbered i, ii, …"""
    pages = [2 * number + 5 for number in range(len(texts))]
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/PageLabels<</Nums[0<</S/r>>]>>>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(b"%d 0 R" % page for page in pages), len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title(The Title)/Creator(Hand)/CreationDate(D:20240131120000+01'00')>>",
    ]
    for number, text in enumerate(texts):
        escaped = text.replace("(", "\\(").replace(")", "\\)").encode()
        stream = b"BT /F 12 Tf 50 700 Td (%s) Tj ET" % escaped
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>>>>>"
            % (pages[number] + 1)
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    return pdf_of_objects(objects).replace(b"/Root 1 0 R", b"/Root 1 0 R/Info 4 0 R")


def pdf_with_named_font(font: str, character_map: str, ordering: str, text: bytes) -> bytes:
    """Return a PDF of one line, whose East Asian font is named and not embedded."""
    stream = b"BT /F 12 Tf 50 700 Td <%s> Tj ET" % text.hex().encode()
    name = font.encode()
    system = b"<</Registry(Adobe)/Ordering(%s)/Supplement 2>>" % ordering.encode()
    return pdf_of_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
            b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/%s/DescendantFonts[6 0 R]>>"
            % (name, character_map.encode()),
            b"<</Type/Font/Subtype/CIDFontType0/BaseFont/%s/CIDSystemInfo%s/FontDescriptor 7 0 R>>" % (name, system),
            b"<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[0 -200 1000 900]>>" % name,
        ]
    )


def pdf_with_pictures() -> bytes:
    """Return a page with a grey image, a coloured one, and one that is too small to contain text."""

    def make_picture(size: int, colours: bytes, pixels: bytes) -> bytes:
        return (
            b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/%s/BitsPerComponent 8/Length %d>>stream\n%s\n"
            b"endstream" % (size, size, colours, len(pixels), pixels)
        )

    content = b"BT /F 12 Tf 50 700 Td (Text) Tj ET q 99 0 0 99 50 500 cm /A Do Q q 99 0 0 99 50 300 cm /B Do Q /C Do"
    return pdf_of_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>"
            b"/XObject<</A 6 0 R/B 7 0 R/C 8 0 R>>>>>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            make_picture(32, b"DeviceGray", bytes(32 * 32)),
            make_picture(48, b"DeviceRGB", bytes(48 * 48 * 3)),
            make_picture(8, b"DeviceGray", bytes(8 * 8)),
        ]
    )


RTF = (
    rb"{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}"
    rb"{\stylesheet{\s0 Normal;}{\s5\b heading 1;}}{\info{\title no text}}"
    rb"\pard\s5 Head\par\pard\s0 Gr\'fc\'dfe \endash  \u26085?\u26412? \{x\}\par{\f1 \'cc\'e8\'f0}\par"
    rb"{\*\unknown hidden}\trowd\pard\intbl a\cell b\cell\row\pard\intbl c\cell d\cell\row\pard end\par}"
)


# The container of old Office files


def compound(streams: dict[str, bytes]) -> bytes:
    """Return a container with these streams, `folder/name` in a folder; each stream gets sectors of its own.

    Folders may be nested.
    """
    free, end, none = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF
    folders = sorted({"/".join(name.split("/")[:depth]) for name in streams for depth in range(1, name.count("/") + 1)})
    sectors: list[bytes] = []
    table: list[int] = []

    def add_sectors(content: bytes) -> int:
        first = len(sectors)
        chunks = [content[offset : offset + 512].ljust(512, b"\0") for offset in range(0, len(content), 512)]
        sectors.extend(chunks)
        table.extend([*range(first + 1, first + len(chunks)), end])
        return first

    entries: list[list[object]] = [["Root Entry", 5, none, end, 0]]
    members_by_folder: dict[str, list[int]] = {}
    for folder in folders:
        parent, _, last = folder.rpartition("/")
        members_by_folder.setdefault(parent, []).append(len(entries))
        entries.append([last, 1, none, 0, 0])
    for name, content in streams.items():
        folder, _, last = name.rpartition("/")
        content = content.ljust(4096, b"\0")  # shorter streams would be stored in the mini stream
        members_by_folder.setdefault(folder, []).append(len(entries))
        entries.append([last, 2, none, add_sectors(content), len(content)])
    siblings: dict[int, int] = {}
    for folder, members in members_by_folder.items():
        entries[0 if not folder else folders.index(folder) + 1][2] = members[0]
        siblings |= dict(pairwise(members))  # a chain of right siblings is a valid tree
    listing = b""
    for number, (name, kind, child, start, size) in enumerate(entries):
        encoded = str(name).encode("utf-16-le")
        listing += encoded.ljust(64, b"\0") + struct.pack("<HBB", len(encoded) + 2, kind, 1)
        listing += (
            struct.pack("<III", none, siblings.get(number, none), child) + bytes(36) + struct.pack("<IQ", start, size)
        )
    directory = add_sectors(listing)
    count = len(sectors)
    fat = len(sectors) // 128 + 1
    table += [0xFFFFFFFD] * fat
    table += [free] * (fat * 128 - len(table))
    sectors += [struct.pack("<128I", *table[offset : offset + 128]) for offset in range(0, fat * 128, 128)]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    head += struct.pack("<IIIIIIII", fat, directory, 0, 4096, end, 0, end, 0)
    head += struct.pack("<109I", *range(count, count + fat), *[free] * (109 - fat))
    return head + b"".join(sectors)


def doc() -> bytes:
    """Return a Word document of two pieces: the first with two bytes a character, the second with one."""
    first = "Grüße – 日本\r"
    second = "\x13HYPERLINK x\x14link\x15\ra\x07b\x07\x07c\x07d\x07\x07end\r"
    main = bytearray(2048)
    struct.pack_into("<HH", main, 0, 0xA5EC, 0x00C1)
    struct.pack_into("<H", main, 0x0A, 0x0200)
    main[1024 : 1024 + 2 * len(first)] = first.encode("utf-16-le")
    main[1536 : 1536 + len(second)] = second.encode("cp1252")
    positions = struct.pack("<III", 0, len(first), len(first) + len(second))
    pieces = struct.pack("<HIH", 0, 1024, 0) + struct.pack("<HIH", 0, 1536 * 2 | 0x40000000, 0)
    clx = b"\x02" + struct.pack("<I", len(positions + pieces)) + positions + pieces
    struct.pack_into("<II", main, 0x01A2, 0, len(clx))
    return compound({"WordDocument": bytes(main), "1Table": clx})


def ppt() -> bytes:
    def make_record(kind: int, content: bytes, *, is_container: bool = False) -> bytes:
        return struct.pack("<HHI", 15 if is_container else 0, kind, len(content)) + content

    outline = make_record(1011, struct.pack("<IIIII", 2, 0, 0, 256, 0))
    outline += make_record(4008, b"Title") + make_record(4000, "Body Ω".encode("utf-16-le"))
    document = make_record(1000, make_record(4080, outline, is_container=True), is_container=True)
    slide = make_record(1006, make_record(0xF00D, make_record(4008, b"box"), is_container=True), is_container=True)
    directory = make_record(6002, struct.pack("<III", 2 << 20 | 1, 0, len(document)))
    offset = len(document) + len(slide)
    edit = make_record(4085, struct.pack("<IIIIIII", 0, 0, 0, offset, 1, 3, 0))
    data = document + slide + directory + edit
    user = make_record(4086, struct.pack("<III", 20, 0xE391C05F, offset + len(directory)))
    return compound({"PowerPoint Document": data, "Current User": user})


def outlook() -> bytes:
    def encode_text(value: str) -> bytes:
        return value.encode("utf-16-le")

    ticks = 133485768000000000  # 2024-01-01 10:00 UTC
    properties = bytes(32) + struct.pack("<HHIQ", 0x40, 0x39, 6, ticks)
    streams = {
        "__properties_version1.0": properties,
        "__substg1.0_0037001F": encode_text("Plans"),
        "__substg1.0_0C1A001F": encode_text("Ada"),
        "__substg1.0_5D01001F": encode_text("ada@example.com"),
        "__substg1.0_0E04001F": encode_text("Bob"),
        "__substg1.0_1000001F": encode_text("Hello Bob"),
        "__attach_version1.0_#00000000/__substg1.0_3707001F": encode_text("plan.pdf"),
    }
    return compound(streams)


def xls() -> bytes:
    def make_record(kind: int, content: bytes) -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    def make_label(row: int, column: int, text: str) -> bytes:
        return make_record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 0) + text.encode("latin-1"))

    begin = struct.pack("<HHHHII", 0x0600, 0, 0, 0, 0, 0)
    book = make_record(0x0809, begin[:2] + struct.pack("<H", 5) + begin[4:])
    sheet = make_record(0x0809, begin[:2] + struct.pack("<H", 16) + begin[4:])
    sheet += make_label(0, 0, "name") + make_label(0, 1, "age") + make_label(1, 0, "Ada")
    sheet += make_record(0x0203, struct.pack("<HHHd", 1, 1, 0, 36.0)) + make_record(0x000A, b"")
    name = b"First"
    sheet_entry = make_record(0x0085, struct.pack("<IBBBB", 0, 0, 0, len(name), 0) + name)
    start = len(book) + len(sheet_entry) + 4
    sheet_entry = make_record(0x0085, struct.pack("<IBBBB", start, 0, 0, len(name), 0) + name)
    return compound({"Workbook": book + sheet_entry + make_record(0x000A, b"") + sheet})
