"""Documents with charts, diagrams, comments and described pictures, made by the tests."""

from __future__ import annotations

import struct

from hostile_files import archive
from sample_documents import compound
from workbook_samples import read_members

_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_ROOT = f'xmlns="urn:main" xmlns:a="{_A}" xmlns:r="{_TYPES}"'


def _make_points(*values: str) -> str:
    return "".join(f'<c:pt idx="{index}"><c:v>{value}</c:v></c:pt>' for index, value in enumerate(values))


def _make_title(text: str) -> str:
    return f"<c:title><c:tx><c:rich><a:p><a:r><a:t>{text}</a:t></a:r></a:p></c:rich></c:tx></c:title>"


CHART = f"""<c:chartSpace xmlns:c="{_C}" xmlns:a="{_A}"><c:chart>{_make_title("Herons counted")}
<c:plotArea><c:barChart>
<c:ser><c:idx val="0"/><c:tx><c:strRef><c:f>B1</c:f><c:strCache>{_make_points("North")}</c:strCache></c:strRef></c:tx>
<c:cat><c:numRef><c:numCache><c:formatCode>yyyy\\-mm\\-dd</c:formatCode>{_make_points("45292", "45293")}</c:numCache>
</c:numRef></c:cat><c:val><c:numRef><c:numCache><c:formatCode>General</c:formatCode>
{_make_points("4.3", "0.30000000000000004")}</c:numCache></c:numRef></c:val></c:ser>
<c:ser><c:tx><c:v>South</c:v></c:tx><c:val><c:numLit>{_make_points("7")}</c:numLit></c:val></c:ser></c:barChart>
<c:valAx>{_make_title("Pairs")}</c:valAx></c:plotArea></c:chart></c:chartSpace>""".encode()
CHART_LINES = "Chart: Herons counted\nNorth: 2024-01-01 = 4.3; 2024-01-02 = 0.3\nSouth: 7\nAxis: Pairs"

_DIAGRAM = f"""<d:dataModel xmlns:d="urn:diagram" xmlns:a="{_A}"><d:pt><d:t><a:p><a:r><a:t>Nest first</a:t></a:r></a:p>
</d:t></d:pt><d:pt><d:t><a:p/></d:t></d:pt></d:dataModel>""".encode()
_DRAWING = f"""<x:wsDr xmlns:x="urn:x" xmlns:a="{_A}"><x:sp><x:cNvPr id="1" name="n" descr="A heron &#10;at dawn"/>
<x:txBody><a:p><a:r><a:t>Boxed</a:t></a:r></a:p></x:txBody></x:sp></x:wsDr>""".encode()


def make_relations(*targets: tuple[str, str]) -> bytes:
    tags = "".join(
        f'<Relationship Id="rel{number}" Type="{_TYPES}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f"<Relationships>{tags}</Relationships>".encode()


def docx(**more: bytes) -> bytes:
    return archive(
        {
            "word/document.xml": f"""<document {_ROOT}><body><p><r><t>Look:</t><drawing><docPr id="1" name="x"
                descr="A heron at dusk"/></drawing></r></p></body></document>""".encode(),
            "word/_rels/document.xml.rels": make_relations(
                ("chart", "charts/chart1.xml"),
                ("chart", "charts/chart1.xml"),
                ("diagramData", "diagrams/data1.xml"),
                ("comments", "comments.xml"),
                ("comments", "missing.xml"),
            ),
            "word/charts/chart1.xml": CHART,
            "word/charts/_rels/chart1.xml.rels": make_relations(
                ("chart", "chart1.xml"), ("drawing", "../document.xml")
            ),
            "word/diagrams/data1.xml": _DIAGRAM,
            "word/comments.xml": f"""<comments {_ROOT} xmlns:w="urn:w"><comment w:author="Ada">
                <p><r><t>Really?</t>
                </r></p><p><r><t>Count again</t></r></p></comment></comments>""".encode(),
            **more,
        }
    )


def pptx() -> bytes:
    return archive(
        {
            "ppt/presentation.xml": f'<presentation {_ROOT}><sldId r:id="rel1"/></presentation>'.encode(),
            "ppt/_rels/presentation.xml.rels": make_relations(("slide", "slides/slide1.xml")),
            "ppt/slides/slide1.xml": f"""<sld {_ROOT}><pic><cNvPr name="Picture 1" descr="A heron at noon"/></pic>
                <a:p><a:r><a:t>Slide text</a:t></a:r></a:p></sld>""".encode(),
            "ppt/slides/_rels/slide1.xml.rels": make_relations(
                ("chart", "../charts/chart1.xml"),
                ("diagramData", "../diagrams/data1.xml"),
                ("comments", "../comments/comment1.xml"),
                ("comments", "../comments/modern.xml"),
            ),
            "ppt/charts/chart1.xml": CHART,
            "ppt/diagrams/data1.xml": _DIAGRAM,
            "ppt/comments/comment1.xml": b"<cmLst><cm authorId='0'><pos x='1'/><text>Old remark</text></cm></cmLst>",
            "ppt/comments/modern.xml": f"""<cmLst {_ROOT}><cm><replyLst><reply><txBody>
                <a:p><a:r><a:t>My reply</a:t>
                </a:r></a:p></txBody></reply></replyLst><txBody><a:p><a:r>
                <a:t>New remark</a:t></a:r></a:p></txBody></cm>
                </cmLst>""".encode(),
        }
    )


def xlsx() -> bytes:
    return archive(
        {
            "xl/workbook.xml": f"""<workbook {_ROOT}><sheet name="Birds" r:id="rel1"/><sheet name="Drawn" r:id="rel2"/>
                </workbook>""".encode(),
            "xl/_rels/workbook.xml.rels": make_relations(
                ("worksheet", "worksheets/sheet1.xml"), ("chartsheet", "chartsheets/sheet1.xml")
            ),
            "xl/worksheets/sheet1.xml": f"""<worksheet {_ROOT}><row r="1"><c r="A1"><v>36</v></c></row>
                </worksheet>""".encode(),
            "xl/worksheets/_rels/sheet1.xml.rels": make_relations(
                ("comments", "../comments1.xml"),
                ("threadedComment", "../threadedComments/threadedComment1.xml"),
                ("drawing", "../drawings/drawing1.xml"),
            ),
            "xl/comments1.xml": f"""<comments {_ROOT}><comment ref="A1">
                <text><r><t>[Threaded comment] seen</t></r></text>
                </comment><comment ref="B2"><text><r><t>A </t></r><r><t>note</t></r></text></comment>
                </comments>""".encode(),
            "xl/threadedComments/threadedComment1.xml": b"""<ThreadedComments><threadedComment ref="A1">
                <text>Why 36?</text></threadedComment><threadedComment ref="A1"><text>Counted twice</text>
                </threadedComment></ThreadedComments>""",
            "xl/drawings/drawing1.xml": _DRAWING,
            "xl/chartsheets/sheet1.xml": b"<chartsheet/>",
            "xl/chartsheets/_rels/sheet1.xml.rels": make_relations(("drawing", "/xl/drawings/drawing2.xml")),
            "xl/drawings/drawing2.xml": b"<wsDr/>",
            "xl/drawings/_rels/drawing2.xml.rels": make_relations(("chart", "../charts/chart1.xml")),
            "xl/charts/chart1.xml": CHART,
        }
    )


def odt() -> bytes:
    return archive(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": b"""<d xmlns:x="urn:x">
                <p>Birds<annotation><creator>Ada</creator><date>1</date><p>Which?</p><p>All?</p></annotation> here</p>
                <frame><desc>A heron at night</desc><object x:href="./Object 1"/></frame></d>""",
            "Object 1/content.xml": b"""<d><title><p>Herons</p></title><table><table-row><table-cell><p>North</p>
                </table-cell><table-cell><p>4</p></table-cell></table-row></table></d>""",
        }
    )


def ppt() -> bytes:
    """Return two slides; the first has a comment, a described picture, and notes, which are stored out of order."""

    def make_record(kind: int, content: bytes, *, instance: int = 0, is_container: bool = False) -> bytes:
        return struct.pack("<HHI", instance << 4 | (15 if is_container else 0), kind, len(content)) + content

    def make_text(text: str) -> bytes:
        return make_record(4000, text.encode("utf-16-le"))

    def make_reference(record_id: int, slide_id: int) -> bytes:
        return make_record(1011, struct.pack("<IIIII", record_id, 0, 0, slide_id, 0))

    strings = ("Ada", "Count again", "A")
    comment = b"".join(
        make_record(4026, text.encode("utf-16-le"), instance=number) for number, text in enumerate(strings)
    )
    extension = make_record(5003, make_record(12_000, comment, is_container=True))
    description = "A heron at noon\0".encode("utf-16-le")
    properties = struct.pack("<HIHIHI", 0x8380, 4, 0x0041, 7, 0xC381, len(description)) + b"a\0\0\0" + description
    shape = make_record(0xF004, make_record(0xF00B, properties, instance=3), is_container=True)
    slides = make_reference(2, 256) + make_text("Herons") + make_reference(3, 257) + make_text("Storks")
    lists = make_record(4080, slides, is_container=True)
    lists += make_record(4080, make_reference(5, 300) + make_reference(4, 301), instance=2, is_container=True)
    records = (
        make_record(1000, lists, is_container=True),
        make_record(1006, shape + make_record(5002, extension, is_container=True), is_container=True),
        make_record(1006, b"", is_container=True),
        make_record(1008, make_record(1009, struct.pack("<II", 256, 0)) + make_text("Of herons"), is_container=True),
        make_record(1008, make_record(1009, struct.pack("<II", 257, 0)) + make_text("Of storks"), is_container=True),
    )
    offsets = [sum(map(len, records[:number])) for number in range(len(records) + 1)]
    directory = make_record(6002, struct.pack("<I5I", 5 << 20 | 1, *offsets[:5]))
    edit = make_record(4085, struct.pack("<IIIIIII", 0, 0, 0, offsets[5], 1, 6, 0))
    user = make_record(4086, struct.pack("<III", 20, 0xE391C05F, offsets[5] + len(directory)))
    return compound({"PowerPoint Document": b"".join(records) + directory + edit, "Current User": user})


def epub() -> bytes:
    return archive(
        {
            "META-INF/container.xml": b'<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>',
            "a.opf": b"""<package><manifest><item id="p" href="p.xhtml" media-type="application/xhtml+xml"/>
                <item id="s" href="s.svg" media-type="image/svg+xml"/>
                <item id="x" href="x.bin" media-type="text/x-odd" fallback="f"/>
                <item id="f" href="f.xhtml" media-type="application/xhtml+xml"/></manifest>
                <spine><itemref idref="p"/><itemref idref="s"/><itemref idref="x"/></spine></package>""",
            "p.xhtml": b"""<html><body><p>Page</p><object data="v.xyz"><p>Instead of it</p></object><svg>
                <title>icon</title><text>Drawn <tspan>words</tspan><tspan x="0" dy="1em">below</tspan></text></svg>
                </body></html>""",
            "s.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><style>x</style><text>A whole page</text></svg>',
            "x.bin": b"odd",
            "f.xhtml": b"<html><body><p>Fallback page</p></body></html>",
        }
    )


def docx_with_many_references(count: int) -> bytes:
    """Return a document that refers many times to one chart, and whose drawings refer to each other in a long chain."""
    members = read_members(docx())
    chain = {
        f"word/drawings/_rels/d{number}.xml.rels": make_relations(("drawing", f"d{number + 1}.xml"))
        for number in range(count)
    }
    drawings = {f"word/drawings/d{number}.xml": _DRAWING for number in range(count)}
    relations = make_relations(*[("chart", "charts/chart1.xml")] * count, ("drawing", "drawings/d0.xml"))
    return archive({**members, **chain, **drawings, "word/_rels/document.xml.rels": relations})
